// The inspected node: what it is called, what it does, its formula; the choice of a weight or the output.

import { el, parsed, put, write } from "../shared/dom.js";
import { arrowsMove, keepStop, stopAt } from "../shared/roving.js";
import { chooseLook } from "../shared/segments.js";
import { report } from "../shared/sending.js";
import { onUndo } from "../shared/undo.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";

function build(root, view) {
  view.label = el("strong", {});
  view.name = el("code", {});
  view.axes = el("span", { class: "axes number" });
  view.formula = el("div", { class: "formula", role: "math" });
  view.head = el("span", { class: "head soft number" });
  view.parts = el("div", { class: "segments", role: "group", "aria-label": "Output or weight" });
  view.off = el("button", { type: "button", class: "quiet", "data-role": "head-off", onclick: () => report(view, { kind: "off", id: view.data.id }) }, el("span", {}, "switch off"), el("span", {}, "is off"));
  view.tools = { cut: toolButton(view, "cut", "cut-edges", "✂ cut", "cut edges: a click on a cell keeps its query from reading its key; Esc puts the tool back") };
  view.tools.draw = toolButton(view, "draw", "draw-row", "✎ draw", "draw a row: drag a cell up or down to give it more or less weight, the others make room; a click gives it all; Esc puts the tool back");
  view.tools.form = toolButton(view, "form", "open-change", "more…", "more changes: scale, set, mean, resample, patch; of a layer, a neuron, a position");
  view.changing = el("div", { class: "changing", role: "group", "aria-label": "Change the run" }, view.off, ...Object.values(view.tools));
  onUndo(view, (kind) => view.data[kind], (kind) => report(view, { kind, id: view.data.id }));
  listen(view, "keydown", (event) => putBack(view, event));
  const rest = el("div", { class: "rest" }, view.formula, view.name); // what finds no room in the line is not there
  view.code = toggle(view, "drawer", ["closed", "code"], ["{ }", el("span", { class: "word" }, " code")], "the formula and the lines that make this tensor");
  view.wide = toggle(view, "width", ["column", "window"], "⤢", "give the stage the whole window, or its column again");
  root.append(view.label, view.head, view.axes, view.parts, rest, view.changing, view.code, view.wide);
  arrowsMove(view.parts);
  arrowsMove(view.changing);
  listen(view, "gptscope:preview", ({ detail }) => write(view.head, detail ? `head ${detail.layer}.${detail.head}` : headOf(view)));
  view.parts.addEventListener("click", (event) => choosePart(view, event.target.closest("button")));
}

/** A button that takes a tool, or puts it back. */
function toolButton(view, tool, role, text, title) {
  const take = () => report(view, { kind: "tool", id: view.data.id, tool: view.data.change.tool === tool ? "" : tool });
  return el("button", { type: "button", class: "quiet tool", "data-role": role, title, "aria-label": title.split(":")[0], onclick: take }, text);
}

/** Escape puts the tool back that is taken; a form closes itself. */
function putBack(view, event) {
  const { tool } = view.data?.change ?? {};
  if (event.key !== "Escape" || event.defaultPrevented || !["cut", "draw"].includes(tool)) return;
  report(view, { kind: "tool", id: view.data.id, tool: "" });
}

/** A button that goes from one of two looks to the other. */
function toggle(view, name, [off, on], text, title) {
  const button = el("button", { type: "button", class: "quiet", title }, ...[text].flat());
  button.addEventListener("click", () => chooseLook(view, name, view.data[name] === on ? off : on));
  button.setAttribute("aria-label", name === "width" ? "whole window" : "{ } code");
  return button;
}

function choosePart(view, button) {
  if (button) report(view, { kind: "weight", id: view.data.id, weight: button.dataset.weight ?? null });
}

function headOf({ data }) {
  return data.n_head ? `head ${data.layer}.${data.head}` : "";
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

function partButton(weight) {
  const name = weight === undefined ? "output" : weight.slice(weight.lastIndexOf(".") + 1);
  return el("button", { type: "button", "data-weight": weight }, name);
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
    const pressed = (button.dataset.weight ?? null) === weight;
    button.setAttribute("aria-pressed", pressed);
    if (pressed) stopAt(view.parts, button);
  }
}

function drawAxes(view) {
  const parts = view.data.axes.flatMap((axis, i) => [i ? ", " : "(", el("abbr", { "data-letter": axis }, axis)]);
  view.axes.replaceChildren(...parts, ")");
}

/** What can be changed here: switched off, cut edge by edge, drawn row by row, or by the form. */
function drawChange(view) {
  const { change } = view.data;
  view.changing.hidden = !change;
  if (!change) return;
  const { what, off, tool } = change;
  view.off.hidden = !what;
  view.tools.cut.hidden = !change.cuts;
  view.tools.draw.hidden = !change.draws;
  for (const [name, button] of Object.entries(view.tools)) put(button, "aria-pressed", name === tool);
  keepStop(view.changing);
  if (!what) return;
  put(view.off, "title", off ? `${what} is switched off: click to have it again` : `switch ${what} off, and see what happens`);
  put(view.off, "aria-label", `switch off ${what}`);
  put(view.off, "aria-pressed", off);
}

/** Each letter says on hover what it is, and its number here. */
function tellLetters(view) {
  for (const letter of view.axes.children) letter.title = view.data.letters[letter.dataset.letter] ?? "";
}

export default function (component) {
  const view = viewOf(component, build);
  const { id, label, axes, summary, formula_key, weight, letters, drawer, width } = view.data;
  const name = weight ?? id;
  if (changed(view, "words", label, name, axes, summary)) {
    view.label.textContent = label;
    view.label.title = `${label} (${name}): ${summary}`;
    view.name.textContent = name;
    view.name.title = name;
    drawAxes(view);
  }
  if (changed(view, "letters", axes, letters)) tellLetters(view);
  view.code.setAttribute("aria-pressed", String(drawer === "code"));
  view.wide.setAttribute("aria-pressed", String(width === "window"));
  const formula = window.gptscopeKept?.get(formula_key);
  if (formula !== undefined && changed(view, "formula", formula_key)) drawFormula(view, formula);
  write(view.head, headOf(view));
  drawParts(view);
  drawChange(view);
  Object.assign(view.root.dataset, { name, head: view.data.n_head ? view.data.head : "" });
  painted(view, "node");
  return cleanup(component);
}
