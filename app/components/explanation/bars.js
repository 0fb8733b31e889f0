// The numbers that a number is made of: strips of bars above each other, with the same places, and the curve of a function.
// What is drawn was computed on the server; here it finds its size and its colour.

import { fitCanvas } from "../shared/canvas.js";
import { property } from "../shared/colours.js";
import { el, write } from "../shared/dom.js";
import { hover, onHover } from "../shared/hover.js";
import { clamp, short, typedArray } from "../shared/numbers.js";
import { visible } from "../shared/text.js";
import { tokenAt } from "../shared/tokens.js";

const TITLE = 18; // px of a strip's name
const HEIGHT = 34; // px of a strip's bars
const GAP = 8; // px between the bars and the name of the next strip, which stands nearer to its own
const STRIP = TITLE + HEIGHT + GAP;
const CURVE = 120; // px of a curve
const WIDE = 1; // px of the narrowest bar: thinner ones share a column, which shows the one farthest from 0

/**
 * Makes the drawing; `open(name, cell)` is called for a place that leads somewhere.
 * @param {View} view
 * @param {(name: string, cell: number[]) => void} open
 */
export function buildBars(view, open) {
  view.bars = el("canvas", { class: "bars", role: "img" });
  view.told = el("p", { class: "told number", "aria-live": "polite" });
  view.facts = el("dl", { class: "facts number" });
  view.bars.addEventListener("pointermove", (event) => point(view, placeAt(view, event)));
  view.bars.addEventListener("pointerleave", () => point(view, null));
  view.bars.addEventListener("click", (event) => {
    const [strip, place] = [stripAt(view, event), placeAt(view, event)];
    if (place !== null && strip?.open) open(strip.open, cellOf(view, strip, place));
  });
  onHover(view, ({ index }) => view.data?.picture.axis === "token" && mark(view, index));
  view.cleanups.push(() => leaveToken(view));
  return [view.bars, view.told, view.facts];
}

/** The place in an operand that a place in the picture stands for. */
function cellOf(view, strip, place) {
  const index = view.data.picture.places[place] ?? place;
  return strip.cell.map((part) => part ?? index);
}

/** Draws the picture of the newest data, in the width that the card has. */
export function drawBars(view) {
  const { picture } = view.data;
  view.numbers = typedArray(view.data.numbers);
  let first = 0;
  view.strips = picture.strips.map((strip) => {
    const values = view.numbers.subarray(first, (first += strip.count));
    return { ...strip, values };
  });
  view.count = view.strips[0]?.values.length ?? 0;
  view.bars.hidden = view.numbers.length === 0;
  view.told.hidden = view.count === 0;
  drawFacts(view, picture.facts);
  if (picture.axis !== "token") leaveToken(view);
  if (view.marked !== null && view.marked >= view.count) view.marked = null;
  paint(view);
}

function drawFacts(view, facts) {
  const known = JSON.stringify(facts);
  if (view.factsKey === known) return;
  view.factsKey = known;
  const rows = facts.map(([name, value]) => el("div", { "data-fact": name }, el("dt", {}, name), el("dd", {}, short(value))));
  view.facts.replaceChildren(...rows);
}

/** Draws again, for another place that is pointed at, or another theme. */
export function paint(view) {
  if (view.bars.hidden) return;
  const width = Math.max(120, view.root.clientWidth - 26);
  if (view.count === 0) return paintCurve(view, width);
  const context = fitCanvas(view.bars, width, view.strips.length * STRIP - GAP);
  view.strips.forEach((strip, i) => paintStrip(view, context, strip, i * STRIP, width));
  write(view.told, sayPlace(view, view.marked ?? view.data.picture.chosen));
  view.bars.setAttribute("aria-label", view.strips.map(({ name, count }) => `${name}: ${count} numbers`).join("; "));
}

function paintStrip(view, context, { name, values, form }, top, width) {
  const { marks } = view.data.picture;
  const levels = top === 0 ? marks : [];
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...extremes(finite), ...levels.map(([, level]) => level));
  const high = Math.max(0, ...extremes(finite), ...levels.map(([, level]) => level));
  const span = high - low || 1;
  const y = (value) => top + TITLE + HEIGHT * (1 - (value - low) / span);
  context.font = `12px ${property(view, "--st-font")}`;
  context.textBaseline = "top";
  context.fillStyle = property(view, "--gs-soft");
  context.fillText(name, 0, top);
  const scale = `${short(low)} … ${short(high)}`;
  context.fillText(scale, width - context.measureText(scale).width, top);
  paintPlace(view, context, view.marked, top, width);
  if (form === "line") paintLine(view, context, values, y, width);
  else paintBars(view, context, values, y, top, width);
  context.fillStyle = property(view, "--gs-frame");
  context.fillRect(0, y(0) - 0.5, width, 1);
  context.fillStyle = property(view, "--gs-residual");
  for (const [, level] of levels) for (let x = 0; x < width; x += 8) context.fillRect(x, y(level) - 0.5, 4, 1);
}

/** The smallest and the largest; a spread of thousands of arguments would be too many for some browsers. */
function extremes(values) {
  let [low, high] = [0, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

function paintBars(view, context, values, y, top, width) {
  const { chosen } = view.data.picture;
  const step = width / values.length;
  const columns = step >= WIDE ? values.length : Math.floor(width / WIDE);
  const each = width / columns;
  const gap = each > 4 ? 1 : 0;
  for (let column = 0; column < columns; column++) {
    const [start, stop] = [column, column + 1].map((at) => Math.floor((at * values.length) / columns));
    const value = farthest(values, start, stop);
    if (!Number.isFinite(value)) continue;
    context.fillStyle = property(view, value < 0 ? "--gs-negative" : "--gs-positive");
    const [from, to] = [y(Math.max(0, value)), y(Math.min(0, value))];
    context.fillRect(column * each, from, each - gap, Math.max(1, to - from));
  }
  if (chosen === null) return;
  context.strokeStyle = property(view, "--gs-chosen");
  context.lineWidth = 1.5;
  const own = Math.max(5, step);
  context.strokeRect(clamp(chosen * step - (own - step) / 2, 0.75, width - own), top + TITLE, own - 0.75, HEIGHT - 1);
}

function farthest(values, start, stop) {
  let found = values[start];
  for (let i = start + 1; i < stop; i++) if (!(Math.abs(found) >= Math.abs(values[i]))) found = values[i];
  return found;
}

function paintLine(view, context, values, y, width) {
  const step = width / values.length;
  context.strokeStyle = property(view, "--gs-chosen");
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(0, y(0));
  values.forEach((value, i) => context.lineTo((i + 1) * step, y(value)));
  context.stroke();
}

function paintPlace(view, context, place, top, width) {
  if (place === null || place === undefined) return;
  const step = width / view.count;
  context.fillStyle = property(view, "--gs-line");
  context.fillRect(place * step, top + TITLE, Math.max(2, step), HEIGHT);
}

function paintCurve(view, width) {
  const points = view.numbers;
  const count = points.length / 2;
  const [xs, ys] = [0, 1].map((part) => points.filter((_, i) => i % 2 === part));
  const context = fitCanvas(view.bars, width, CURVE);
  const [lowX, highX, lowY, highY] = [xs[0], xs[count - 2], ...extremes(ys)];
  const x = (value) => ((value - lowX) / (highX - lowX)) * width;
  const y = (value) => CURVE - 8 - ((value - lowY) / (highY - lowY || 1)) * (CURVE - 16);
  context.fillStyle = property(view, "--gs-line");
  context.fillRect(0, y(0), width, 1);
  context.fillRect(x(0), 0, 1, CURVE);
  context.strokeStyle = property(view, "--gs-mlp");
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i < count - 1; i++) context.lineTo(x(xs[i]), y(ys[i]));
  context.stroke();
  context.fillStyle = property(view, "--gs-chosen");
  context.beginPath();
  context.arc(x(xs[count - 1]), y(ys[count - 1]), 5, 0, 2 * Math.PI);
  context.fill();
  view.bars.setAttribute("aria-label", `the curve from ${short(lowX)} to ${short(highX)}, with the point (${short(xs[count - 1])}, ${short(ys[count - 1])})`);
}

// ---- pointing ------------------------------------------------------------------------------------------------------

function placeAt(view, event) {
  if (!view.count) return null;
  return clamp(Math.floor((event.offsetX / view.bars.clientWidth) * view.count), 0, view.count - 1);
}

function stripAt(view, event) {
  return view.strips[Math.floor(event.offsetY / STRIP)];
}

function point(view, place) {
  mark(view, place);
  if (view.data.picture.axis !== "token") return;
  hover(view, place);
  view.tellsToken = place !== null;
}

/** The token that was pointed at here is no longer: other panels mark it as long as they are told so. */
function leaveToken(view) {
  if (view.tellsToken) hover(view, null);
  view.tellsToken = false;
}

function mark(view, place) {
  if (view.marked === place || (place !== null && place >= view.count)) return;
  view.marked = place;
  paint(view);
}

/** What stands at a place, strip by strip. */
function sayPlace(view, place) {
  const { axis, labels } = view.data.picture;
  if (place === null || place === undefined) return `${view.count} places, one for each ${axis}`;
  const name = axis === "token" ? tokenAt(view, place) : labels.length ? visible(labels[place]) : `${axis} ${place}`;
  return [name, ...view.strips.map(({ name: strip, values }) => `${strip} ${short(values[place])}`)].join(" · ");
}
