// Where a heatmap stands on its canvas, and what stands around it: frame, tokens, names of the axes.

import { property } from "../shared/colours.js";
import { widthOf } from "../shared/measure.js";
import { contextLabels } from "../shared/tokens.js";
import { spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";

const GUTTER = { left: 78, bottom: 58, top: 7, right: 6 }; // px beside the plot: the same for every prompt
const NARROW = { left: 56, bottom: 54, top: 6, right: 2 }; // px, where there is little room
const UPRIGHT = 16; // px: shorter column labels are never turned
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
  const gutter = w < 430 ? NARROW : GUTTER;
  const { left, bottom, top, right } = gutter;
  let [width, height] = [Math.max(1, w - left - right), Math.max(1, h - bottom - top)];
  if (square) width = height = Math.min(width, height);
  else if (rows * TALLEST < height) height = rows * TALLEST;
  const [cellW, cellH] = [width / cols, height / rows];
  const x = left + (square ? Math.max(0, (w - left - right - width) / 2) : 0);
  const col_labels = labelsOf(view, "col");
  const colWidth = Math.min(bottom - 20, longest(view.font, col_labels, cols));
  const turned = col_labels !== null && colWidth > Math.max(cellW - 3, UPRIGHT);
  return { x, y: top, width, height, cellW, cellH, turned, row, col, gutter, colWidth };
}

/** How wide an axis's labels are drawn, judged by the longest: they can be many. */
function longest(font, labels, count) {
  const text = labels ? labels.reduce((a, b) => (b.length > a.length ? b : a), "") : String(count - 1);
  return Math.max(7, widthOf(font, visible(text)));
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

function cut(font, label, widest) {
  if (label.length < 5 || widthOf(font, label) <= widest) return label;
  let text = label;
  while (text.length > 1 && widthOf(font, `${text}…`) > widest) text = text.slice(0, -1);
  return `${text}…`;
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
  const { x, y, cellH, row, gutter } = view.plot;
  const followed = view.data.row_tokens ? (view.data.position ?? null) : null;
  context.textAlign = "right";
  const every = thin(14 / cellH, !labels);
  for (const i of places(view.sight.rows, row, every, followed)) {
    const text = write(view, context, labelOf(view.font, labels, i, gutter.left - 26), i, followed);
    context.fillText(text, x - 6, y + (i - row + 0.5) * cellH);
  }
}

function drawColumnLabels(view, context) {
  const labels = labelsOf(view, "col");
  const { x, y, height, cellW, turned, colWidth, col, gutter } = view.plot;
  const followed = view.data.col_tokens ? (view.data.position ?? null) : null;
  context.textAlign = turned ? "right" : "center";
  const every = thin((turned ? 14 : colWidth + (labels ? 3 : 10)) / cellW, !labels);
  for (const i of places(view.sight.cols, col, every, followed)) {
    context.save();
    context.translate(x + (i - col + 0.5) * cellW, y + height + 6);
    if (turned) context.rotate(-Math.PI / 2);
    const text = write(view, context, labelOf(view.font, labels, i, gutter.bottom - 20), i, followed);
    context.fillText(text, 0, turned ? 0 : 6);
    context.restore();
  }
}

function labelOf(font, labels, i, widest) {
  return labels ? cut(font, visible(labels[i] ?? ""), widest) : String(i);
}

function drawNames(view, context) {
  const { row_axis, col_axis } = view.data;
  const { x, y, width, height, turned, colWidth, gutter } = view.plot;
  context.font = `600 12px ${property(view, "--st-font")}`;
  context.fillStyle = property(view, "--st-text-color");
  context.textAlign = "center";
  if (col_axis) context.fillText(`${col_axis} →`, x + width / 2, y + height + (turned ? colWidth : 12) + 14);
  context.save();
  context.translate(x - gutter.left + 10, y + height / 2);
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
