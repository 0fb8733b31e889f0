// The inspected node: what it is called, what it does, its formula; the choice of a head, of a weight or the output.

import { el, parsed } from "../shared/dom.js";
import { report } from "../shared/sending.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

function build(root, view) {
  view.label = el("strong", {});
  view.name = el("code", {});
  view.axes = el("span", { class: "axes" });
  view.summary = el("p", { class: "soft" });
  view.formula = el("div", { class: "formula", role: "math" });
  view.heads = el("select", {
    "aria-label": "Head",
    onchange: (event) => report(view, { kind: "head", id: view.data.id, head: Number(event.target.value) }),
  });
  view.parts = el("div", { class: "parts", role: "group", "aria-label": "Output or weight" });
  const title = el("div", { class: "title" }, view.label, view.name, view.axes);
  root.append(title, view.summary, el("div", { class: "line" }, view.formula, view.heads, view.parts));
  view.parts.addEventListener("click", (event) => choosePart(view, event.target.closest("button")));
}

function choosePart(view, button) {
  if (button) report(view, { kind: "weight", id: view.data.id, weight: button.dataset.weight ?? null });
}

/** True when this part of the data is another than when it was last asked for: what stays need not be drawn. */
function changed(view, name, ...values) {
  const now = JSON.stringify(values);
  const before = (view.drawn ??= new Map()).get(name);
  view.drawn.set(name, now);
  return before !== now;
}

/** The formula is an SVG in the colour of the text. */
function drawFormula(view, text) {
  view.formula.replaceChildren(parsed(text));
  view.formula.setAttribute("aria-label", view.data.formula);
}

function drawHeads(view) {
  const { n_head, head, layer } = view.data;
  view.heads.hidden = n_head === 0;
  if (changed(view, "heads", layer, n_head)) {
    const options = Array.from({ length: n_head }, (_, i) => el("option", { value: i }, `head ${layer}.${i}`));
    view.heads.replaceChildren(...options);
  }
  view.heads.value = String(head);
}

function partButton(weight) {
  const name = weight === undefined ? "output" : weight.slice(weight.lastIndexOf(".") + 1);
  return el("button", { type: "button", class: "quiet", "data-weight": weight }, name);
}

function drawParts(view) {
  const { weights, weight } = view.data;
  view.parts.hidden = weights.length === 0;
  if (changed(view, "parts", weights)) {
    const focused = view.parts.contains(view.root.getRootNode().activeElement);
    view.parts.replaceChildren(...[undefined, ...weights].map(partButton));
    if (focused) view.parts.firstChild.focus(); // another block's weights
  }
  for (const button of view.parts.children) {
    button.setAttribute("aria-pressed", (button.dataset.weight ?? null) === weight);
  }
}

export default function (component) {
  const view = viewOf(component, build);
  const { id, label, axes, summary, formula_key, weight } = view.data;
  const name = weight ?? id;
  if (changed(view, "words", label, name, axes, summary)) {
    view.label.textContent = label;
    view.name.textContent = name;
    view.axes.textContent = `(${axes.join(", ")})`;
    view.summary.textContent = summary;
  }
  const formula = window.gptscopeKept?.get(formula_key);
  if (formula !== undefined && changed(view, "formula", formula_key)) drawFormula(view, formula);
  drawHeads(view);
  drawParts(view);
  Object.assign(view.root.dataset, { name, head: view.data.n_head ? view.data.head : "" });
  painted(view, "node");
  return cleanup(component);
}
