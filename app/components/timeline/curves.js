// The open strip's curves behind the slider: losses over one axis; accuracy and the heads' scores, both from 0 to 1,
// over another. A stop of the slider is a place on the x axis; each curve has its name at its end.

import { svg } from "../shared/dom.js";
import { closedEnds, LEFT, places, RIGHT } from "./places.js";
import { known, othersOf, seriesOf, stopsOf } from "./series.js";

const TOP = 7;
const BOTTOM = 19; // px for the steps below the axis
const LABEL = 12; // px, the size of its letters
const DIGIT = 7.3; // px, the width of one
const GAP = 14; // px from one name to the next
const SHARES = LEFT - 12; // where the numbers of the axis from 0 to 1 end
const LOSS = LEFT - 56; // and those of the losses

/** A path through the values that are known; one that is null leaves a gap. */
function pathOf(values, x, y) {
  let drawing = false;
  let path = "";
  values.forEach((value, i) => {
    if (value === undefined) return;
    if (known(value)) path += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}${drawing ? "" : "h0.01"}`;
    drawing = known(value);
  });
  return path;
}

/** The stops that have room for their label: the opened model, the ends, and those between that touch no other. */
function labelled(stops, opened, x) {
  const all = stops.map((stop, i) => {
    const words = stop === null ? opened : String(stop);
    return { at: x(i), words, half: (words.length * DIGIT) / 2 + 2.5, named: stop === null };
  });
  const chosen = [];
  const free = (one) => chosen.every(({ at, half }) => Math.abs(at - one.at) >= half + one.half);
  const ends = [all[all.length - 1], all[0]];
  for (const one of [...all.filter(({ named }) => named), ...ends, ...all]) if (free(one)) chosen.push(one);
  return chosen;
}

/** Moves names apart, in the order of their curves' ends, within the height of the chart. */
function apart(names, floor) {
  names.sort((a, b) => a.y - b.y);
  names.forEach((name, i) => (name.at = Math.max(name.y, i ? names[i - 1].at + GAP : TOP + 4)));
  names.reverse().forEach((name, i) => (name.at = Math.min(name.at, i ? names[i - 1].at - GAP : floor)));
  return names;
}

function axes(parts, { stops, opened }, x, { height, most, scores }) {
  const floor = height - BOTTOM;
  const last = x(stops.length - 1);
  const at = x(stops.indexOf(null));
  parts.push(svg("path", { class: "axis", d: `M${LEFT} ${floor}H${last}` }));
  parts.push(svg("path", { class: "axis", d: stops.map((_, i) => `M${x(i)} ${floor}v4`).join("") }));
  parts.push(svg("path", { class: "axis dashed", d: `M${at} ${TOP}V${floor + 4}` }));
  const text = (px, py, anchor, words, kind) =>
    parts.push(svg("text", { x: px, y: py, "text-anchor": anchor, class: kind, "font-size": LABEL }, words));
  const below = height - 4;
  for (const one of labelled(stops, opened, x)) text(one.at, below, "middle", one.words, "step");
  if (most !== null) {
    text(LOSS, TOP + 8, "end", String(most), "val_loss");
    text(LOSS, (TOP + floor) / 2 + 4, "end", "loss", "val_loss");
    text(LOSS, floor, "end", "0", "val_loss");
  }
  if (!scores) return;
  text(SHARES, TOP + 8, "end", "1", "head");
  text(SHARES, (TOP + floor) / 2 + 4, "end", "score", "head");
  text(SHARES, floor, "end", "0", "head");
}

/** The next number of two digits, for the end of an axis. */
function roundUp(value) {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(2));
}

/** The largest loss, rounded up, for the end of its axis; null without losses. */
export function mostOf(series) {
  const losses = series.filter(({ share }) => !share);
  return losses.length ? roundUp(Math.max(1e-6, ...losses.flatMap(({ values }) => values.filter(known)))) : null;
}

function name(parts, { id, name: words, y, at }, x) {
  parts.push(svg("path", { class: `leader ${id}`, d: `M${x + 6} ${y.toFixed(1)}L${x + 16} ${at.toFixed(1)}h14` }));
  const place = { x: x + 34, y: (at + 4).toFixed(1), class: `name ${id}`, "font-size": LABEL };
  parts.push(svg("text", place, words));
}

/** Draws everything anew; it happens when the history, the score, the chosen head or the room changes. */
export function drawCurves(node, history, { kind, chosen, width, height }) {
  const floor = height - BOTTOM;
  const stops = stopsOf(history);
  const x = places(stops.length, width);
  const series = seriesOf(history, kind, chosen);
  const others = othersOf(history, kind, chosen);
  const most = mostOf(series);
  const onLoss = (value) => floor - (value / (most ?? 1)) * (floor - TOP);
  const onShare = (value) => floor - value * (floor - TOP);
  const parts = [];
  axes(parts, { stops, opened: history.opened.name }, x, { height, most, scores: history.kinds.length > 0 });
  const names = [];
  const draw = (id, words, lines, y) => {
    parts.push(svg("path", { class: `curve ${id}`, d: lines.map((values) => pathOf(values, x, y)).join("") }));
    const ends = lines.map((values) => values.filter(known).at(-1)).filter((end) => end !== undefined).map(y);
    if (ends.length) names.push({ id, name: words, y: ends.reduce((sum, end) => sum + end, 0) / ends.length });
  };
  if (others.length) draw("head faint", "other heads", others, onShare);
  for (const { id, name, share, values } of series) draw(id, name, [values], share ? onShare : onLoss);
  for (const each of apart(names, floor)) name(parts, each, width - RIGHT);
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.replaceChildren(...parts);
}

/** Draws the closed strip: the loss as one thin line, and a dot at the present stop, which `moveDot` moves. */
export function drawLine(node, history, { kind, chosen, width, height }) {
  const stops = stopsOf(history);
  const [left, right] = closedEnds(width);
  const x = places(stops.length, width, [left, right]);
  const [first] = seriesOf(history, kind, chosen);
  const numbers = first ? first.values.filter(known) : [];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const edge = 9; // px, so that the dot is whole
  const y = (value) => high > low ? height - edge - ((value - low) / (high - low)) * (height - 2 * edge) : height / 2;
  const line = first ? pathOf(first.values, x, y) : `M${left} ${height / 2}H${width - right}`;
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.replaceChildren(
    svg("path", { class: `curve thin ${first?.id ?? ""}`, d: line }),
    svg("circle", { class: "dot", r: 5.5 }),
  );
  return stops.map((_, i) => ({ x: x(i), y: first && known(first.values[i]) ? y(first.values[i]) : height / 2 }));
}
