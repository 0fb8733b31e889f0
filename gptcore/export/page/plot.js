// A tensor as a heatmap: its cells, what stands around them, and what is marked. Draws; pointing.js moves.

import { change, here, position, T } from "./state.js";
import { AXES, isHidden, isIds, label, TOKENS } from "./cells.js";
import { clamp } from "./numbers.js";
import { colouring, property } from "./colours.js";
import { fit, hatch, pixels } from "./canvas.js";

const GUTTER = { left: 78, right: 8, top: 8, bottom: 62 }; // px
const TALLEST = 44; // px of a row, when there are few
const LETTERS = "12.5px ui-monospace, monospace";
const MOST = 1200; // pixels along a side: of more cells in sight, a pixel stands for some

/** All of a matrix. */
export function whole({ rows, cols }) {
  return { row: 0, col: 0, rows, cols };
}

/** Draws the heatmap; `view.plot` holds where its cells stand. */
export function drawPlot(view) {
  const { matrix, sight } = view;
  const [width, height] = [Math.max(200, view.box.clientWidth), Math.max(160, view.box.clientHeight)];
  const room = { width: width - GUTTER.left - GUTTER.right, height: height - GUTTER.top - GUTTER.bottom };
  const plot = { x: GUTTER.left, y: GUTTER.top, width: room.width, height: Math.min(room.height, sight.rows * TALLEST) };
  if (matrix.square) plot.width = plot.height = Math.min(room.width, room.height);
  view.plot = { ...plot, cellW: plot.width / sight.cols, cellH: plot.height / sight.rows };
  view.box.dataset.cells = JSON.stringify([plot.x, plot.y, plot.width, plot.height, sight.row, sight.col, sight.rows, sight.cols]);
  const context = fit(view.base, width, height);
  drawCells(view, context);
  context.strokeStyle = property("--frame");
  context.strokeRect(plot.x - 0.5, plot.y - 0.5, plot.width + 1, plot.height + 1);
  drawLabels(view, context);
  drawMarks(view);
}

function drawCells(view, context) {
  const { matrix, sight, plot } = view;
  context.save();
  context.beginPath();
  context.rect(plot.x, plot.y, plot.width, plot.height);
  context.clip();
  if (matrix.square) hatch(context, property("--masked"), plot.x, plot.y, plot.width, plot.height);
  const [down, across] = [Math.ceil(sight.rows / MOST), Math.ceil(sight.cols / MOST)];
  view.many = down * across;
  const [first, left] = [Math.floor(sight.row / down), Math.floor(sight.col / across)];
  const [rows, cols] = [Math.ceil((sight.row + sight.rows) / down) - first, Math.ceil((sight.col + sight.cols) / across) - left];
  if (isIds(matrix)) return drawIds(view, context);
  const colour = colouring(matrix.name);
  const drawn = pixels(rows, cols, (row, col) => {
    const [cell, hidden] = farthest(matrix, (first + row) * down, (left + col) * across, down, across);
    return hidden ? 0 : colour(cell);
  });
  context.imageSmoothingEnabled = false;
  context.drawImage(drawn, plot.x + (left * across - sight.col) * plot.cellW, plot.y + (first * down - sight.row) * plot.cellH, cols * across * plot.cellW, rows * down * plot.cellH);
  if (Math.min(plot.cellW, plot.cellH) >= 14) drawGrid(view, context);
  drawParts(view, context);
  context.restore();
}

/** An id is a name, not an amount: it is written, and has no colour. */
function drawIds({ matrix, sight, plot }, context) {
  context.font = LETTERS;
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (let col = Math.floor(sight.col); col < sight.col + sight.cols; col++) {
    const x = plot.x + (col - sight.col) * plot.cellW;
    context.fillStyle = property(col % 2 ? "--line" : "--raised");
    context.fillRect(x, plot.y, plot.cellW, plot.height);
    if (plot.cellW < 13) continue;
    context.save();
    context.translate(x + plot.cellW / 2, plot.y + plot.height / 2);
    context.rotate(-Math.PI / 2);
    context.fillStyle = property("--ink");
    context.fillText(String(matrix.value(0, col)), 0, 0);
    context.restore();
  }
  context.restore();
}

/** The number farthest from 0 of a block of cells, and true if all of them are hidden. */
function farthest(matrix, row, col, down, across) {
  if (down * across === 1) return [matrix.value(row, col), isHidden(matrix, row, col)];
  let [best, hidden] = [0, true];
  for (let r = row; r < Math.min(matrix.rows, row + down); r++) {
    for (let c = col; c < Math.min(matrix.cols, col + across); c++) {
      if (isHidden(matrix, r, c)) continue;
      const value = matrix.value(r, c);
      if (hidden || Number.isNaN(value) || Math.abs(value) > Math.abs(best)) best = value;
      hidden = false;
    }
  }
  return [best, hidden];
}

function drawGrid({ sight, plot }, context) {
  context.strokeStyle = property("--paper");
  context.beginPath();
  for (let col = Math.ceil(sight.col); col <= sight.col + sight.cols; col++) line(context, plot.x + (col - sight.col) * plot.cellW, plot.y, 0, plot.height);
  for (let row = Math.ceil(sight.row); row <= sight.row + sight.rows; row++) line(context, plot.x, plot.y + (row - sight.row) * plot.cellH, plot.width, 0);
  context.stroke();
}

/** The borders between queries, keys and values, which lie side by side. */
function drawParts({ matrix, sight, plot }, context) {
  if (matrix.row !== "3C") return;
  context.strokeStyle = property("--ink");
  context.beginPath();
  for (const third of [1, 2]) line(context, plot.x, plot.y + ((third * matrix.rows) / 3 - sight.row) * plot.cellH, plot.width, 0);
  context.stroke();
}

function line(context, x, y, width, height) {
  context.moveTo(x, y);
  context.lineTo(x + width, y + height);
}

// ---- around the cells ----------------------------------------------------------------------------------------------

function drawLabels(view, context) {
  const { matrix, sight, plot } = view;
  context.textBaseline = "middle";
  context.font = LETTERS;
  context.fillStyle = property("--soft");
  context.textAlign = "right";
  if (matrix.row !== "") {
    for (const row of places(sight.row, sight.rows, plot.cellH, 15, TOKENS.has(matrix.row), TOKENS.has(matrix.row) ? position() : null)) {
      write(context, cut(context, label(matrix.row, row), GUTTER.left - 28), plot.x - 6, plot.y + (row + 0.5 - sight.row) * plot.cellH, TOKENS.has(matrix.row) && row === position());
    }
  }
  const texts = places(sight.col, sight.cols, plot.cellW, 15, true, position()).map((col) => [col, cut(context, label(matrix.col, col), GUTTER.bottom - 22)]);
  const wide = Math.max(...texts.map(([, text]) => context.measureText(String(text)).width));
  const turned = wide > Math.max(plot.cellW * Math.max(1, Math.ceil(15 / plot.cellW)) - 2, 12);
  context.textAlign = turned ? "right" : "center";
  for (const [col, text] of texts) {
    context.save();
    context.translate(plot.x + (Number(col) + 0.5 - sight.col) * plot.cellW, plot.y + plot.height + (turned ? 6 : 12));
    if (turned) context.rotate(-Math.PI / 2);
    write(context, text, 0, 0, col === position());
    context.restore();
  }
  context.fillStyle = property("--ink");
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(`${AXES[matrix.col]} →`, plot.x + plot.width / 2, plot.y + plot.height + (turned ? Math.min(wide, GUTTER.bottom - 22) + 14 : 30));
  context.translate(10, plot.y + plot.height / 2);
  context.rotate(-Math.PI / 2);
  if (matrix.row !== "") context.fillText(`← ${AXES[matrix.row]}`, 0, 0);
}

/** The places whose labels fit: round numbers, or any tokens, and the followed one in place of its neighbours. */
function places(first, count, size, needed, tokens, followed) {
  const least = Math.max(1, Math.ceil(needed / size));
  const every = tokens || least === 1 ? least : ([2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].find((n) => n >= least) ?? least);
  const found = [];
  for (let at = Math.max(0, Math.ceil((first - 0.5) / every) * every); at + 0.5 < first + count; at += every) if (followed === null || Math.abs(at - followed) >= least) found.push(at);
  if (followed !== null && followed + 0.5 >= first && followed + 0.5 <= first + count) found.push(followed);
  return found;
}

function cut(context, text, widest) {
  if (context.measureText(text).width <= widest) return text;
  let [short] = [text];
  while (short.length > 1 && context.measureText(`${short}…`).width > widest) short = short.slice(0, -1);
  return `${short}…`;
}

function write(context, text, x, y, followed) {
  context.font = followed ? `700 ${LETTERS}` : LETTERS;
  context.fillStyle = property(followed ? "--ink" : "--soft");
  context.fillText(text, x, y);
}

// ---- marks ---------------------------------------------------------------------------------------------------------

/** Draws what moves with the lock and the pointer, on a canvas of its own. */
export function drawMarks(view) {
  if (!view.plot) return;
  const { matrix, sight, plot, cell } = view;
  const context = fit(view.over, view.base.clientWidth, view.base.clientHeight);
  context.save();
  context.beginPath();
  context.rect(plot.x - 2, plot.y - 2, plot.width + 4, plot.height + 4);
  context.clip();
  const box = (row, col, rows, cols, colour, wide) => {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.strokeRect(plot.x + (col - sight.col) * plot.cellW, plot.y + (row - sight.row) * plot.cellH, cols * plot.cellW, rows * plot.cellH);
  };
  const at = position();
  if (matrix.square) box(at, 0, 1, T, property("--ink"), 2);
  else if (TOKENS.has(matrix.col)) box(0, at, matrix.rows, 1, property("--ink"), 2);
  if (here.hover !== null) {
    if (matrix.square && !cell) box(here.hover, 0, 1, T, property("--accent"), 1);
    if (TOKENS.has(matrix.col)) box(0, here.hover, matrix.rows, 1, property("--accent"), 1);
  }
  if (cell) box(cell.row, cell.col, 1, 1, property("--accent"), 2.5);
  context.restore();
}

/** The cell at a point of the canvas; null beside the cells. */
export function cellAt({ matrix, sight, plot }, x, y) {
  if (x < plot.x || y < plot.y || x >= plot.x + plot.width || y >= plot.y + plot.height) return null;
  const row = clamp(Math.floor(sight.row + (y - plot.y) / plot.cellH), 0, matrix.rows - 1);
  return { row, col: clamp(Math.floor(sight.col + (x - plot.x) / plot.cellW), 0, matrix.cols - 1) };
}

/** Lights the token of a cell everywhere. */
export function lightToken({ matrix }, cell) {
  change({ hover: cell && TOKENS.has(matrix.col) ? cell.col : null });
}

/** The position that a click on a cell locks: its query, or its column's token. */
export function lockOf({ matrix }, cell) {
  return matrix.square ? cell.row : TOKENS.has(matrix.col) ? cell.col : null;
}
