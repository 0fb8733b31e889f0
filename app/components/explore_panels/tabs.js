// Where there is room for one column alone, these tabs choose it. The likeliest next tokens stand on their tab, so that
// they are seen beside each of the others.

import { el, put, write } from "../shared/dom.js";
import { percent } from "../shared/numbers.js";
import { visible } from "../shared/text.js";

const NAMES = { map: "Map", stage: "Tensor", after: "Next" };
const NARROW = matchMedia("(max-width: 1000px), (max-height: 560px)"); // as in explore_panels.css
const LIKELIEST = 3; // tokens on their tab

/** Returns the tabs of a stage. */
export function tabsOf(root) {
  const choose = (tab) => () => {
    root.dataset.tab = tab;
    showTab(root);
  };
  const buttons = Object.entries(NAMES).map(([tab, name]) => el("button", { type: "button", "data-tab": tab, onclick: choose(tab) }, name));
  const places = Array.from({ length: LIKELIEST }, () => el("span", { class: "likely" }, el("b", {}), el("span", {})));
  buttons.at(-1).append(...places);
  NARROW.addEventListener("change", () => showTab(root));
  return el("div", { class: "tabs", role: "group", "aria-label": "Panel" }, ...buttons);
}

/** Shows the column whose tab is chosen; what is out of sight takes no focus. */
export function showTab(root) {
  const { tab } = root.dataset;
  for (const button of root.querySelectorAll(".tabs button")) put(button, "aria-pressed", button.dataset.tab === tab);
  for (const part of root.children) {
    const own = part.dataset.column ?? (part.dataset.place === "map" ? "map" : null);
    if (own) part.inert = NARROW.matches && own !== tab;
  }
}

/**
 * Writes the likeliest next tokens on their tab.
 * @param {any} root
 * @param {{ label: string, probability: number }[]} rows - likeliest first
 */
export function tellLikeliest(root, rows) {
  [...root.querySelectorAll(".tabs .likely")].forEach((place, i) => {
    const row = rows[i];
    write(place.firstChild, row ? visible(row.label) : "");
    write(place.lastChild, row ? percent(row.probability) : "");
  });
}
