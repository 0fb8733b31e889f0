// The drawing of the view beside its sentences: a node leads to what is said of it.

import { clamp } from "../shared/numbers.js";
import { el, parsed } from "../shared/dom.js";
import { colourLetters } from "../shared/letters.js";
import { onResize, spaceOf } from "../shared/size.js";

const SCALE = { min: 0.96, max: 1.3 }; // of the drawing's own size: smaller letters cannot be read, so that it scrolls
const AROUND = 130; // px of the window that the page's header and the choices take
const MOVES = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/**
 * Makes the place of the drawing; `view.drawing` holds it.
 * @param {View} view
 * @param {(id: string) => void} point - a node is pointed at, or reached by the keyboard; "" where none is
 * @param {(id: string) => void} choose
 */
export function buildDrawing(view, point, choose) {
  view.drawing = el("div", { class: "drawing", role: "group", "aria-label": "Diagram of the view" });
  const idAt = (event) => event.target.closest("g.node")?.dataset.node ?? "";
  view.drawing.addEventListener("pointerover", (event) => point(idAt(event)));
  view.drawing.addEventListener("pointerleave", () => point(""));
  view.drawing.addEventListener("focusin", (event) => point(idAt(event)));
  view.drawing.addEventListener("click", (event) => idAt(event) && choose(idAt(event)));
  view.drawing.addEventListener("keydown", (event) => pressed(view, event, choose));
  onResize(view, view.drawing, () => fit(view));
}

function pressed(view, event, choose) {
  const at = view.groups.indexOf(event.target.closest("g.node"));
  if (at < 0) return;
  if (event.key in MOVES) {
    const next = view.groups[(at + MOVES[event.key] + view.groups.length) % view.groups.length];
    stopAt(view, next);
    next.focus();
  } else if (event.key === "Enter" || event.key === " ") choose(view.groups[at].dataset.node);
  else return;
  event.preventDefault();
}

/** One node is the stop of the Tab key; the arrows lead to the others. */
function stopAt(view, stop) {
  for (const group of view.groups) group.setAttribute("tabindex", group === stop ? "0" : "-1");
}

/**
 * Draws the view, if it is another one, its nodes in the order of the sentences.
 * @param {View} view
 */
export function drawDrawing(view) {
  const { svg, letters, sentences } = view.data;
  if (view.drawn === svg) return;
  view.drawn = svg;
  view.svg = parsed(svg);
  const order = new Map(sentences.map(({ node }, i) => [node, i]));
  view.groups = [...view.svg.querySelectorAll("g.node")].sort((a, b) => order.get(a.dataset.node) - order.get(b.dataset.node));
  for (const group of view.groups) {
    const text = (name) => group.querySelector(`text.${name}`);
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", `${text("title")?.textContent} ${text("axes")?.textContent ?? ""}`.trim());
    colourLetters(text("axes"), letters);
  }
  stopAt(view, view.groups[0]);
  view.drawing.replaceChildren(view.svg);
  fit(view);
}

function fit(view) {
  if (!view.svg) return;
  const { width, height } = view.svg.viewBox.baseVal;
  const scale = clamp(Math.min(spaceOf(view, view.drawing).width / width, (innerHeight - AROUND) / height), SCALE.min, SCALE.max);
  view.svg.setAttribute("width", width * scale);
  view.svg.setAttribute("height", height * scale);
}
