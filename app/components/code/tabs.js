// The tabs of the source: one stop of the Tab key; the arrows move, Enter opens.

import { el } from "../shared/dom.js";
import { arrowsMove, stopAt } from "../shared/roving.js";
import { chooseLook } from "../shared/segments.js";

/** @type {Record<string, [string, string]>} */
const TABS = {
  model: ["model.py", "the model as it runs: all heads in one matrix product"],
  teaching: ["teaching attention", "the attention of lectures: a layer each for query, key and value of a head"],
  loss: ["loss", "how a training makes its targets and its loss"],
  generation: ["generation", "how a text goes on: the crop, and how a token is drawn"],
};

/**
 * Makes the tabs. `choose(word)` marks the one that is open.
 * @param {View} view
 */
export function buildTabs(view) {
  const buttons = Object.entries(TABS).map(([word, [text, title]]) =>
    el("button", { type: "button", role: "tab", "data-tab": word, "aria-controls": "source", title, onclick: () => chooseLook(view, "code", word) }, text),
  );
  const node = el("div", { class: "tabs", role: "tablist", "aria-label": "Source" }, ...buttons);
  arrowsMove(node);
  /** @param {string} word */
  function choose(word) {
    for (const button of buttons) {
      const selected = String(button.dataset.tab === word);
      if (button.getAttribute("aria-selected") === selected) continue;
      button.setAttribute("aria-selected", selected);
      if (selected === "true") stopAt(node, button);
    }
  }
  return { node, choose };
}
