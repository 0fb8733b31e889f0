// The map as a table: a line for each tensor, the residual stream as a line at its left, containers as frames. Each cost
// has a bar: its share of the whole model, all blocks together.

import { amount, exact } from "../shared/amounts.js";
import { el, put, write } from "../shared/dom.js";
import { QUANTITIES, totalOf } from "./totals.js";

const NAMES = Object.keys(QUANTITIES);
const COUNTED =
  "Inside the block: the costs of one; bars: the share of the whole, all blocks together. FLOPs: the matrix products alone, 2 per " +
  "multiply-add, logits at all positions. Activations: every tensor that a forward pass makes, kept until the backward pass; " +
  "views, ids and weights take none.";

export function buildLines(view) {
  view.body = el("tbody", {});
  const head = el("tr", {}, el("th", { scope: "col" }, "tensor"), el("th", { scope: "col", class: "shape" }, "shape"));
  for (const name of NAMES) head.append(el("th", { scope: "col", title: QUANTITIES[name].title }, QUANTITIES[name].words));
  view.lines = new Map();
  return el(
    "div",
    { class: "map card scroll", role: "region", "aria-label": "The map with its costs", tabindex: 0 },
    el("table", {}, el("caption", {}, COUNTED), el("colgroup", {}, el("col", {}), el("col", { class: "shape" }), ...NAMES.map(() => el("col", { class: "cost" }))), el("thead", {}, head), view.body),
  );
}

/** The residual stream and the branch at the left of a line, and the frames that the line lies in. */
function gutter({ rail, branch, frames, depth }) {
  const marks = [el("i", { class: "rail", "data-rail": rail, "data-branch": branch })];
  for (const concept of frames) marks.push(el("i", { class: `bar concept-${concept}` }));
  return el("span", { class: "gutter", "data-deep": depth > 0, "aria-hidden": "true" }, ...marks);
}

function letters(axes) {
  const made = axes.flatMap((axis, i) => [i ? ", " : "", el("span", { "data-letter": axis }, axis)]);
  return el("span", { class: "axes number" }, "(", ...made, ")");
}

function makeLine(line) {
  const title = el("span", { class: "title", title: line.summary }, line.label);
  const name = el("th", { scope: "row" }, gutter(line), el("i", { class: `dot concept-${line.concept}` }), title, letters(line.axes));
  const numbers = line.axes.map((axis) => el("span", { "data-letter": axis }));
  const shape = el("td", { class: "shape number" }, "(", ...numbers.flatMap((each, i) => (i ? [", ", each] : [each])), ")");
  const costs = NAMES.map((name) => {
    const value = el("span", { class: "value" });
    return { name, value, cell: el("td", { class: `cost number concept-${line.concept}`, "data-cost": name }, value) };
  });
  const classes = [line.opens ? "opens" : "", line.depth > 0 ? "inside" : ""].join(" ").trim();
  const node = el("tr", { class: classes, "data-node": line.id }, name, shape, ...costs.map(({ cell }) => cell));
  return { node, title, numbers, costs };
}

function drawLine(view, { title, numbers, costs }, line, totals) {
  write(title, line.label);
  numbers.forEach((each, i) => {
    write(each, String(line.shape[i]));
    put(each, "title", view.data.letters[line.axes[i]] ?? "");
  });
  for (const cost of costs) drawCost(cost, line, totals[cost.name]);
}

/** A cost that stays as it was is left alone: each change of an element has the browser style it again. */
function drawCost(cost, line, total) {
  const { name, value, cell } = cost;
  const { unit } = QUANTITIES[name];
  const tied = name === "params" && line.tied;
  const part = tied ? 0 : (line[name] * line.copies) / (total || 1);
  const key = `${line[name]} ${tied} ${part.toFixed(4)}`;
  if (cost.key === key) return;
  cost.key = key;
  write(value, line[name] ? amount(line[name], unit, name !== "flops") : "–");
  value.classList.toggle("elsewhere", tied);
  value.title = tied ? "the token embedding's own matrix, counted there" : exact(line[name], unit);
  cell.dataset.value = String(line[name]);
  cell.style.setProperty("--share", `${(100 * part).toFixed(2)}%`);
}

export function drawLines(view) {
  const { lines, parts } = view.data;
  const key = lines.map(({ id }) => id).join();
  if (view.linesKey !== key) {
    view.linesKey = key;
    view.lines = new Map(lines.map((line) => [line.id, makeLine(line)]));
    view.body.replaceChildren(...[...view.lines.values()].map(({ node }) => node));
  }
  const totals = Object.fromEntries(NAMES.map((name) => [name, totalOf(parts, name)]));
  for (const line of lines) drawLine(view, view.lines.get(line.id), line, totals);
}
