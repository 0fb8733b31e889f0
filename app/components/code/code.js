// Source code with the lines that made the inspected tensor highlighted, scrolled to in a box of its own. Each line that
// makes a tensor has its shape at its end; pointing at it lights the tensor on the map, and the other way round.

import { el, parsed } from "../shared/dom.js";
import { light, onLight } from "../shared/lit.js";
import { report } from "../shared/sending.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";
import { drawShapes, linesOf, madeAt } from "./shapes.js";

function build(root, view) {
  view.title = el("div", { class: "name" });
  view.lines = el("code", {});
  view.box = el("pre", { class: "scroll", tabindex: "0" }, view.lines);
  view.summary = el("p", {});
  view.formula = el("div", { class: "formula", role: "math" });
  root.append(el("div", { class: "words" }, view.formula, view.summary), el("div", { class: "source" }, view.title, view.box));
  listen(view, "gptscope:listing", () => view.data && draw(view));
  const point = (ids) => {
    light(view, ids);
    mark(view, ids);
  };
  view.lines.addEventListener("pointerover", (event) => point(idsAt(view, event)));
  view.lines.addEventListener("pointerleave", () => point([]));
  view.lines.addEventListener("click", (event) => {
    const id = idsAt(view, event)[0]; // of a call within a call, what the inner one makes
    if (id) report(view, { kind: "find", id });
  });
  onLight(view, (ids, why) => why === "lit" && mark(view, ids));
}

function idsAt(view, event) {
  const line = event.target.closest("[data-line]");
  return line ? madeAt(view, Number(line.dataset.line)).map(({ id }) => id) : [];
}

/** Lights the lines that make these tensors. */
function mark(view, ids) {
  for (const line of view.lines.querySelectorAll(".lit")) line.classList.remove("lit");
  for (const { id, first, last } of linesOf(view)) {
    if (!ids.includes(id)) continue;
    for (let number = first; number <= last; number++) view.lines.children[number - 1]?.classList.add("lit");
  }
}

function drawLine(words, number) {
  const parts = words.map(([kind, text]) => (kind ? el("span", { class: kind }, text) : text));
  return el("div", { class: "line", "data-line": number }, el("i", {}, number), ...parts, "\n");
}

function scrollTo(view, first, last) {
  const [top, bottom] = [first, last].map((n) => view.lines.querySelector(`[data-line="${n}"]`));
  if (!top || !bottom) return;
  const line = top.offsetHeight;
  const middle = (top.offsetTop + bottom.offsetTop + line) / 2;
  const highest = top.offsetTop - line; // of a long range, its beginning
  const wanted = Math.min(highest, middle - view.box.clientHeight / 2);
  view.box.scrollTop = Math.round((wanted - top.offsetTop) / line) * line + top.offsetTop; // no line cut at the top
}

function draw(view) {
  const { name, first, last, title, height, summary, formula, formula_key, open } = view.data;
  view.root.hidden = !open;
  if (!open) {
    painted(view, "code");
    return;
  }
  const picture = window.gptscopeKept?.get(formula_key);
  if (picture !== undefined && view.pictured !== formula_key) {
    view.pictured = formula_key;
    view.formula.replaceChildren(parsed(picture));
    view.formula.setAttribute("aria-label", formula);
  }
  view.summary.textContent = summary;
  const lines = window.gptscopeListings?.get(name);
  const now = JSON.stringify([name, first, last, title, height]);
  if (!lines) return; // on the way: "gptscope:listing" calls
  if (view.drawn === now && view.words === lines) {
    drawShapes(view);
    painted(view, "code");
    return;
  }
  view.drawn = now;
  view.root.style.setProperty("--height", height);
  view.title.textContent = title;
  view.box.setAttribute("aria-label", `${title}, lines ${first} to ${last}`);
  if (view.words !== lines) view.lines.replaceChildren(...lines.map((words, i) => drawLine(words, i + 1)));
  view.words = lines;
  for (const [i, line] of [...view.lines.children].entries()) line.classList.toggle("marked", i + 1 >= first && i < last);
  drawShapes(view);
  scrollTo(view, first, last);
  Object.assign(view.root.dataset, { first, last });
  painted(view, "code");
}

export default function (component) {
  const view = viewOf(component, build);
  draw(view);
  return cleanup(component);
}
