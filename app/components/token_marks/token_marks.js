// The tokens of a prompt, each coloured by a number of its position. Pointing at one shows the number; a click reports it.

import { ramp } from "../shared/colours.js";
import { el, write } from "../shared/dom.js";
import { short, typedArray } from "../shared/numbers.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { fill } from "../shared/tones.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const LEVELS = 255;

function build(root, view) {
  view.what = el("span");
  view.told = el("span", { class: "number" });
  view.tokens = el("div", { class: "tokens", role: "group", "aria-label": "The tokens of the prompt" });
  root.append(el("div", { class: "above soft" }, view.what, view.told), view.tokens);
  const tell = (event) => {
    const token = event.target.closest("button");
    if (token) write(view.told, `${token.dataset.position} ${token.textContent}: ${short(Number(token.dataset.value))}`);
  };
  view.tokens.addEventListener("pointerover", tell);
  view.tokens.addEventListener("focusin", tell);
  view.tokens.addEventListener("click", (event) => {
    const token = event.target.closest("button");
    if (token) report(view, { position: Number(token.dataset.position), origin: view.data.origin });
  });
  arrowsMove(view.tokens);
  view.redraw = () => draw(view);
}

function draw(view) {
  const { tokens, what, largest, position } = view.data;
  const colours = ramp(view, "--gs-diverging", LEVELS);
  const values = typedArray(view.data.values);
  const middle = (LEVELS - 1) / 2;
  view.tokens.replaceChildren(
    ...tokens.map((token, at) => {
      const pixel = colours[Math.round(middle + (largest ? (values[at] / largest) * middle : 0))];
      const says = visible(token);
      const label = `${at} ${says}: ${short(values[at])}`;
      const button = el("button", { type: "button", class: at === position ? "token followed" : "token", "data-position": at, "data-value": values[at], "aria-label": label }, says);
      fill(button, pixel);
      return button;
    }),
  );
  keepStop(view.tokens);
  write(view.what, what);
}

export default function (component) {
  const view = viewOf(component, build);
  if (view.drawn !== view.data) {
    view.drawn = view.data;
    draw(view);
  }
  painted(view, "token_marks");
  return cleanup(component);
}
