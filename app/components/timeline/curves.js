// The curves behind the slider: losses over the left axis; accuracy and the heads' scores, both from 0 to 1, over the
// right one. A stop of the slider is a place on the x axis.

import { svg } from "../shared/dom.js";

const TOP = 7;
const BOTTOM = 19; // px for the steps below the axis
const SIDES = 48; // px for the y axes
const LABEL = 11; // px, the size of its letters
const DIGIT = 6.7; // px, the width of one
const LOSSES = ["train_loss", "val_loss"];

/** How far the slider stands from both ends, so that the middle of its thumb (14 px) meets the stops. */
export const MARGIN = SIDES - 7;

/** A path through the values that are known; a value that is not leaves a gap. */
function pathOf(values, x, y) {
  let drawing = false;
  let path = "";
  values.forEach((value, i) => {
    const known = value !== null && !Number.isNaN(value);
    if (known) path += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}${drawing ? "" : "h0.01"}`;
    drawing = known;
  });
  return path;
}

/** The stops that have room for their label: the first, the last, and those between that touch no other. */
function labelled(stops, x) {
  const all = stops.map((stop, i) => ({ at: x(i), words: String(stop), half: (String(stop).length * DIGIT) / 2 + 4 }));
  const last = all.at(-1);
  let free = -Infinity;
  const between = all.slice(0, -1).filter(({ at, half }) => {
    if (at - half < free || at + half > last.at - last.half) return false;
    free = at + half;
    return true;
  });
  return [...between, last];
}

function axes(parts, history, x, { width, height, most }) {
  const floor = height - BOTTOM;
  const { steps, losses } = history;
  const last = steps.length; // the stop of the model that was opened
  parts.push(svg("path", { class: "axis", d: `M${SIDES} ${floor}H${x(last)}` }));
  parts.push(svg("path", { class: "axis", d: steps.map((_, i) => `M${x(i)} ${floor}v4`).join("") }));
  parts.push(svg("path", { class: "axis dashed", d: `M${x(last)} ${TOP}V${floor + 4}` }));
  const text = (px, py, anchor, words, kind) =>
    parts.push(svg("text", { x: px, y: py, "text-anchor": anchor, class: kind, "font-size": LABEL }, words));
  const below = height - 4;
  for (const { at, words } of labelled([...steps, history.last], x)) text(at, below, "middle", words, "step");
  text(SIDES - 16, below, "end", "step", "step");
  if (LOSSES.some((name) => losses[name])) {
    text(SIDES - 10, TOP + 8, "end", String(most), "val_loss");
    text(SIDES - 10, (TOP + floor) / 2 + 4, "end", "loss", "val_loss");
    text(SIDES - 10, floor, "end", "0", "val_loss");
  }
  const right = width - SIDES + 10;
  text(right, TOP + 8, "start", "1", "head");
  text(right, (TOP + floor) / 2 + 4, "start", "score", "head");
  text(right, floor, "start", "0", "head");
}

/** The next number of two digits, for the end of an axis. */
function roundUp(value) {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(2));
}

/** Draws everything anew; it happens when the history, the score, the chosen head or the room changes. */
export function drawCurves(node, history, { kind, chosen, width, height }) {
  const { steps, losses, kinds, scores, heads, n_head } = history;
  const floor = height - BOTTOM;
  const x = (i) => SIDES + (i / steps.length) * (width - 2 * SIDES);
  const most = roundUp(Math.max(1e-6, ...LOSSES.flatMap((name) => losses[name] ?? [])));
  const onLoss = (value) => floor - (value / most) * (floor - TOP);
  const onShare = (value) => floor - value * (floor - TOP);
  const parts = [];
  axes(parts, history, x, { width, height, most });
  const which = kinds.findIndex(({ name }) => name === kind);
  const strong = chosen[0] * n_head + chosen[1];
  const curve = (head) => steps.map((_, i) => scores[(which * steps.length + i) * heads + head]);
  let faint = "";
  for (let head = 0; which >= 0 && head < heads; head++) if (head !== strong) faint += pathOf(curve(head), x, onShare);
  parts.push(svg("path", { class: "curve head faint", d: faint }));
  for (const name of ["val_accuracy", "val_loss", "train_loss"]) {
    const on = name === "val_accuracy" ? onShare : onLoss;
    if (losses[name]) parts.push(svg("path", { class: `curve ${name}`, d: pathOf(losses[name], x, on) }));
  }
  if (which >= 0) parts.push(svg("path", { class: "curve head", d: pathOf(curve(strong), x, onShare) }));
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.replaceChildren(...parts);
}
