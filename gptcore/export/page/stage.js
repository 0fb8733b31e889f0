// The stage: the selected tensor, what it is, its heads, and the tools that zoom.

import { change, data, here, nodes, onChange, select } from "./state.js";
import { el, rounded } from "./numbers.js";
import { holds, matrixOf } from "./stores.js";
import { letterOf } from "./facts.js";
import { LEVELS, rampOf, scaleOf } from "./colours.js";
import { fit, pixels } from "./canvas.js";
import { drawMarks, drawPlot, whole } from "./plot.js";
import { listen, look, zoom } from "./pointing.js";

/** @type {any} */
const view = { matrix: null, sight: null, plot: null, cell: null };

export function drawStage(root) {
  view.base = el("canvas", { "aria-hidden": "true" });
  view.over = el("canvas", { class: "over", "aria-hidden": "true" });
  view.box = el("div", { class: "plot", "data-role": "plot", role: "group", tabindex: 0 }, view.base, view.over);
  view.said = el("p", { class: "said number", role: "status" });
  view.title = el("div", { class: "about" });
  view.tools = el("div", { class: "tools" });
  view.shown = el("span", { class: "soft" });
  const button = (words, sign, act) => el("button", { type: "button", "aria-label": words, title: words, onclick: act }, sign);
  view.zooms = el("span", { class: "segments", role: "group", "aria-label": "Zoom" }, button("nearer", "+", () => zoom(view, 0.6)), button("farther", "−", () => zoom(view, 1 / 0.6)), button("the whole tensor", "whole", () => look(view, whole(view.matrix))));
  view.legend = el("span", { class: "legend" });
  root.append(view.title, view.tools, view.box, view.said);
  view.told = tellSight;
  listen(view);
  new ResizeObserver(() => view.matrix && drawPlot(view)).observe(view.box);
  onChange((changed) => {
    if (changed.has("selected") || changed.has("head")) show(changed);
    else if (changed.has("look")) again();
    else if (changed.has("lock") && view.matrix) drawPlot(view);
    else if (changed.has("hover") && view.matrix) drawMarks(view);
  });
  show(new Set(["selected"]));
}

function show(changed) {
  const node = nodes.get(here.selected);
  drawTitle(node);
  const before = view.matrix;
  view.cell = null;
  view.matrix = holds(node.id) ? matrixOf(node.id, here.head) : null;
  if (changed.has("selected") || !view.sight || before?.name !== node.id) view.sight = view.matrix && whole(view.matrix);
  view.box.hidden = view.tools.hidden = !view.matrix;
  view.said.replaceChildren(...(view.matrix ? [] : [`This tensor is not in the file: ${data.left_out[node.id]}.`]));
  if (!view.matrix) return;
  const { matrix } = view;
  view.box.setAttribute("aria-label", `Heatmap of ${node.label}: arrows move over its cells, + and − zoom, 0 shows the whole`);
  Object.assign(view.box.dataset, { name: node.id, head: matrix.head ?? "", layer: node.layer ?? "" });
  view.tools.replaceChildren(...[heads(node), view.zooms, view.shown, view.legend].filter((part) => part));
  again();
  view.told();
}

function again() {
  if (!view.matrix) return;
  drawLegend(view.matrix);
  drawPlot(view);
}

function drawTitle(node) {
  const axes = node.axes.flatMap((letter, i) => (i ? [", ", letterOf(letter)] : [letterOf(letter)]));
  const shape = node.axes.map((letter) => data.letters[letter][0]).join(", ");
  const from = node.inputs.flatMap((id) => [" ", el("button", { type: "button", class: "link", onclick: () => select(id) }, nodes.get(id).label)]);
  const where = node.layer === null ? "" : `block ${node.layer} · `;
  view.title.replaceChildren(
    el("h2", {}, node.label),
    el("span", { class: "number" }, "(", ...axes, `) = (${shape})`),
    el("code", {}, node.id),
    el("p", {}, node.summary),
    el("p", { class: "soft" }, where, `made at ${node.source}`, from.length ? ", from:" : "", ...from),
  );
}

function heads(node) {
  if (!node.axes.includes("H")) return null;
  const [H] = data.letters.H;
  const buttons = Array.from({ length: H }, (_, head) => el("button", { type: "button", "data-choose-head": head, "aria-pressed": String(head === here.head), "aria-label": `head ${head}`, onclick: () => change({ head }) }, String(head)));
  return el("span", { class: "choice" }, letterOf("H"), el("span", { class: "segments", role: "group", "aria-label": "Head" }, ...buttons));
}

function tellSight() {
  const { rows, cols } = view.matrix;
  const [seen, across] = [view.sight.rows, view.sight.cols].map((count) => Math.round(count));
  const all = seen === rows && across === cols;
  const pixel = view.many > 1 ? ` · a pixel is the number farthest from 0 of up to ${view.many}` : "";
  view.shown.textContent = (all ? `${rows} × ${cols} cells` : `${seen} × ${across} of ${rows} × ${cols}`) + pixel;
}

/** The colours from one end of the scale to the other. */
function drawLegend({ name }) {
  const { ramp, low, high } = scaleOf(name);
  const canvas = el("canvas", { "aria-hidden": "true" });
  const table = rampOf(ramp);
  fit(canvas, 90, 12).drawImage(pixels(1, LEVELS, (_, col) => table[col]), 0, 0, 90, 12);
  const about = "colours go by the square root of a number's size, so that small numbers can be seen; beyond the ends they stay the same";
  view.legend.title = about;
  view.legend.hidden = nodes.get(name).role === "tokens";
  view.legend.replaceChildren(rounded(low), canvas, rounded(high));
}

