// Where a heatmap stands on its canvas, and what stands around it: frame, tokens, names of the axes.

import { property } from "../shared/colours.js";
import { widthOf } from "../shared/measure.js";
import { behind, contextLabels } from "../shared/tokens.js";
import { spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";

const GUTTER = { left: 78, bottom: 62, top: 7, right: 6 }; // px beside the plot: the same for every prompt
const NARROW = { left: 56, bottom: 54, top: 6, right: 2 }; // px, where there is little room
const WORDS = 100; // px beside rows that are words, where there is room
const LONGEST = { row: 90, col: 84 }; // px of a label at most
const NAMES = { row: 26, col: 20 }; // px of the name of an axis and of the gaps beside it
const UPRIGHT = 16; // px: shorter column labels are never turned
const LINE = 12; // px between labels at least
const TALLEST = 44; // px of a row, when there are few
const LETTERS = 12.5; // px

/** The labels of an axis: its own, those of the prompt's tokens, or none for numbers. */
export function labelsOf(view, which) {
  const own = view.data[`${which}_labels`];
  if (own) return own;
  return view.data[`${which}_tokens`] && view.data.prompt ? contextLabels(view) : null;
}

/** Place and size of the cells that are in sight. What is square keeps its size, however many cells there are. */
export function layout(view) {
  const { square } = view.data;
  const { row, col, rows, cols } = view.sight;
  const { width: w, height: h } = spaceOf(view, view.box);
  const { left, bottom, top, right } = gutterOf(view, w);
  let [width, height] = [Math.max(1, w - left - right), Math.max(1, h - bottom - top)];
  if (square) width = height = Math.min(width, height);
  else if (rows * TALLEST < height) height = rows * TALLEST;
  const [cellW, cellH] = [width / cols, height / rows];
  const x = left + (square ? Math.max(0, (w - left - right - width) / 2) : 0);
  const beside = Math.min(x, Math.max(left, WORDS)); // px for the labels of the rows and the name of their axis
  const below = Math.min(h - top - height - NAMES.col, LONGEST.col); // px for labels of columns that are turned
  const labels = labelsOf(view, "col");
  const needed = longest(view, labels, cols);
  const turned = labels !== null && needed > Math.max(cellW - 3, UPRIGHT) && below > cellW - 3;
  const colRoom = turned ? below : Math.max(cellW - 3, UPRIGHT);
  return { x, y: top, width, height, cellW, cellH, turned, row, col, beside, colRoom, colWidth: Math.min(needed, colRoom) };
}

/** The room around the plot. Labels that name positions are of a page on which nobody types: they are given all theirs. */
function gutterOf(view, width) {
  if (width < 430) return NARROW;
  if (view.data.row_ids) return { ...GUTTER, left: WORDS };
  if (!view.data.placed) return GUTTER;
  const [left, bottom] = ["row", "col"].map((which) => {
    const labels = labelsOf(view, which);
    return labels ? Math.min(LONGEST[which], longest(view, labels, 0) + 2) + NAMES[which] : 0;
  });
  return { ...GUTTER, left: Math.max(GUTTER.left, left), bottom: Math.max(GUTTER.bottom, bottom) };
}

/** How wide an axis's labels are drawn, judged by the longest: they can be many. */
function longest(view, labels, count) {
  let text = labels ? "" : String(count - 1);
  labels?.forEach((label, i) => {
    const place = placeOf(view, labels, i);
    if (label.length + place.length > text.length) text = visible(label) + place;
  });
  return Math.max(7, widthOf(view.font, text));
}

/** What stands behind a label, on a plot that is to tell tokens of the same label apart. */
function placeOf(view, labels, i) {
  return view.data.placed ? behind(labels, i) : "";
}

export function drawFrame(view, context) {
  const { rows, cols } = view.sight;
  const { x, y, width, height, cellW, cellH } = view.plot;
  context.lineWidth = 1;
  if (cellW >= 14 && cellH >= 14) {
    context.strokeStyle = property(view, "--st-background-color");
    context.beginPath();
    for (let i = 1; i < cols; i++) line(context, x + i * cellW, y, x + i * cellW, y + height);
    for (let i = 1; i < rows; i++) line(context, x, y + i * cellH, x + width, y + i * cellH);
    context.stroke();
  }
  context.strokeStyle = property(view, "--gs-frame");
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

function line(context, x1, y1, x2, y2) {
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
}

/** A label as far as it fits, with all of what stands behind it. */
function cut(font, label, behind, widest) {
  const whole = label + behind;
  if (label.length < 5 || widthOf(font, whole) <= widest) return whole;
  let text = label;
  while (text.length > 1 && widthOf(font, `${text}…${behind}`) > widest) text = text.slice(0, -1);
  return `${text}…${behind}`;
}

export function drawAxes(view, context) {
  context.textBaseline = "middle";
  drawRowLabels(view, context);
  drawColumnLabels(view, context);
  drawNames(view, context);
}

/** The places of an axis whose labels are drawn: as many as fit, and the one that is followed in place of its neighbours. */
function places(count, first, every, followed) {
  const found = [];
  for (let i = 0; i < count; i += every) if (followed === null || Math.abs(i + first - followed) >= every) found.push(i + first);
  if (followed !== null && followed >= first && followed < first + count) found.push(followed);
  return found;
}

function write(view, context, label, at, followed) {
  context.font = at === followed ? `700 ${LETTERS}px ${property(view, "--gs-mono")}` : view.font;
  context.fillStyle = property(view, at === followed ? "--st-text-color" : "--gs-soft");
  return label;
}

function drawRowLabels(view, context) {
  const labels = labelsOf(view, "row");
  const { x, y, cellH, row, beside } = view.plot;
  const followed = view.data.row_tokens ? (view.data.position ?? null) : null;
  context.textAlign = "right";
  const every = thin(LINE / cellH, !labels);
  for (const i of places(view.sight.rows, row, every, followed)) {
    const text = write(view, context, labelOf(view, labels, i, beside - NAMES.row), i, followed);
    context.fillText(text, x - 6, y + (i - row + 0.5) * cellH);
  }
}

function drawColumnLabels(view, context) {
  const labels = labelsOf(view, "col");
  const { x, y, height, cellW, turned, colRoom, colWidth, col } = view.plot;
  const followed = view.data.col_tokens ? (view.data.position ?? null) : null;
  context.textAlign = turned ? "right" : "center";
  const every = thin((turned ? LINE : colWidth + (labels ? 3 : 10)) / cellW, !labels);
  for (const i of places(view.sight.cols, col, every, followed)) {
    context.save();
    context.translate(x + (i - col + 0.5) * cellW, y + height + 6);
    if (turned) context.rotate(-Math.PI / 2);
    const text = write(view, context, labelOf(view, labels, i, colRoom), i, followed);
    context.fillText(text, 0, turned ? 0 : 6);
    context.restore();
  }
}

function labelOf(view, labels, i, widest) {
  return labels ? cut(view.font, visible(labels[i] ?? ""), placeOf(view, labels, i), widest) : String(i);
}

function drawNames(view, context) {
  const { row_axis, col_axis } = view.data;
  const { x, y, width, height, turned, colWidth, beside } = view.plot;
  context.font = `600 12px ${property(view, "--st-font")}`;
  context.fillStyle = property(view, "--st-text-color");
  context.textAlign = "center";
  if (col_axis) context.fillText(`${col_axis} →`, x + width / 2, y + height + (turned ? colWidth : 12) + 14);
  context.save();
  context.translate(x - beside + 10, y + height / 2);
  context.rotate(-Math.PI / 2);
  if (row_axis) context.fillText(`← ${row_axis}`, 0, 0);
  context.restore();
}

/** Every how many labels fit: any number for tokens, a round one for numbers. */
function thin(needed, round) {
  const every = Math.max(1, Math.ceil(needed));
  if (!round || every === 1) return every;
  return [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].find((n) => n >= every) ?? every;
}
