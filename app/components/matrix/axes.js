// Where a heatmap stands on its canvas, and what stands around it: frame, tokens, names of the axes, legend.

import { pixelCanvas } from "../shared/canvas.js";
import { property, ramp } from "../shared/colours.js";
import { clamp } from "../shared/numbers.js";
import { spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";

const LEGEND = { gap: 14, width: 10, text: 44 };
const UPRIGHT = 16; // px: shorter column labels are never turned
const WIDEST = 72; // px of a label: longer ones are cut
const TALLEST = 44; // px of a row, when there are few
const TOP = 4;

/** How wide an axis's labels are drawn, judged by the longest: they can be many. */
function labelWidth(context, labels, count) {
  const longest = labels ? labels.reduce((a, b) => (b.length > a.length ? b : a), "") : String(count - 1);
  return Math.min(WIDEST, Math.max(7, context.measureText(visible(longest)).width));
}

/** Place and size of the cells: whole pixels where they are large enough to see. */
export function layout(view, context) {
  const { rows, cols, row_labels, col_labels, square } = view.data;
  const { width: w, height: h } = spaceOf(view, view.box);
  context.font = view.font;
  const [rowWidth, colWidth] = [labelWidth(context, row_labels, rows), labelWidth(context, col_labels, cols)];
  const left = 22 + rowWidth;
  const right = LEGEND.gap + LEGEND.width + LEGEND.text;
  let cellW = Math.max(1, w - left - right) / cols;
  const turned = col_labels !== null && colWidth > Math.max(cellW - 3, UPRIGHT);
  const below = 24 + (turned ? colWidth : 12);
  let cellH = Math.min(Math.max(1, h - below - TOP) / rows, TALLEST);
  if (square) cellW = cellH = Math.min(cellW, cellH);
  if (cellW >= 4) cellW = Math.floor(cellW);
  if (cellH >= 4) cellH = Math.floor(cellH);
  const [width, height] = [cellW * cols, cellH * rows];
  const x = left + (square ? Math.max(0, w - left - right - width) / 2 : 0);
  return { x, y: TOP, width, height, cellW, cellH, turned, rowWidth, colWidth };
}

export function drawFrame(view, context) {
  const { rows, cols } = view.data;
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

function cut(context, label) {
  if (label.length < 8 || context.measureText(label).width <= WIDEST) return label;
  let text = label;
  while (text.length > 1 && context.measureText(`${text}…`).width > WIDEST) text = text.slice(0, -1);
  return `${text}…`;
}

export function drawAxes(view, context) {
  context.fillStyle = property(view, "--st-text-color");
  context.textBaseline = "middle";
  context.font = view.font;
  drawRowLabels(view, context);
  drawColumnLabels(view, context);
  drawNames(view, context);
}

function drawRowLabels(view, context) {
  const { rows, row_labels } = view.data;
  const { x, y, cellH } = view.plot;
  context.textAlign = "right";
  const every = thin(13 / cellH, !row_labels);
  for (let i = 0; i < rows; i += every) {
    context.fillText(labelOf(context, row_labels, i), x - 5, y + (i + 0.5) * cellH);
  }
}

function drawColumnLabels(view, context) {
  const { cols, col_labels } = view.data;
  const { x, y, height, cellW, turned, colWidth } = view.plot;
  context.textAlign = turned ? "right" : "center";
  const every = thin((turned ? 13 : colWidth + (col_labels ? 3 : 10)) / cellW, !col_labels);
  for (let i = 0; i < cols; i += every) {
    context.save();
    context.translate(x + (i + 0.5) * cellW, y + height + 5);
    if (turned) context.rotate(-Math.PI / 2);
    context.fillText(labelOf(context, col_labels, i), 0, turned ? 0 : 6);
    context.restore();
  }
}

function labelOf(context, labels, i) {
  return labels ? cut(context, visible(labels[i])) : String(i);
}

function drawNames(view, context) {
  const { row_axis, col_axis } = view.data;
  const { x, y, width, height, turned, rowWidth, colWidth } = view.plot;
  context.font = `600 12px ${property(view, "--st-font")}`;
  context.textAlign = "center";
  context.fillText(`${col_axis} →`, x + width / 2, y + height + (turned ? colWidth : 12) + 15);
  context.save();
  context.translate(x - rowWidth - 14, y + height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(`← ${row_axis}`, 0, 0);
  context.restore();
}

/** Every how many labels fit: any number for tokens, a round one for numbers. */
function thin(needed, round) {
  const every = Math.max(1, Math.ceil(needed));
  if (!round || every === 1) return every;
  return [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].find((n) => n >= every) ?? every;
}

export function drawLegend(view, context) {
  const { vmin, vmax, scale, gamma } = view.data;
  const { x, y, width, height } = view.plot;
  const tall = Math.max(60, Math.min(height, 300));
  const left = x + width + LEGEND.gap;
  const table = ramp(view, `--gs-${scale}`, 254, 1);
  const strip = pixelCanvas(view, "strip", 1, 254, (out) => out.set([...table].reverse()));
  context.imageSmoothingEnabled = true;
  context.drawImage(strip, left, y, LEGEND.width, tall);
  context.strokeStyle = property(view, "--gs-frame");
  context.strokeRect(left - 0.5, y - 0.5, LEGEND.width + 1, tall + 1);
  context.font = `11px ${property(view, "--gs-mono")}`;
  context.fillStyle = property(view, "--st-text-color");
  context.textAlign = "left";
  const bent = scale === "sequential" && gamma !== 1;
  for (const part of bent ? [0, 0.1, 0.25, 0.5, 1] : [0, 0.5, 1]) {
    const at = y + tall * (1 - (bent ? Math.pow(part, gamma) : part));
    context.fillText(tick(vmin + (vmax - vmin) * part), left + LEGEND.width + 5, clamp(at, y + 5, y + tall - 5));
  }
}

function tick(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
