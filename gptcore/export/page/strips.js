// Tensors as strips: a column a token, a few rows, each the number farthest from 0 of a block of channels.

import { here, T } from "./state.js";
import { matrixOf } from "./stores.js";
import { colouring } from "./colours.js";
import { fit, hatch, pixels } from "./canvas.js";
import { property } from "./colours.js";

const ROWS = 11;
const COLUMNS = 256; // beyond, each stands for a block of tokens
const kept = new Map(); // name and head -> strip

/** Number of tokens that a column stands for. */
export const BLOCK = blockFor(T, COLUMNS);

/** The smallest power of two with which so many cells make no more than `most` blocks. */
export function blockFor(count, most) {
  let block = 1;
  while (Math.ceil(count / block) > most) block *= 2;
  return block;
}

/**
 * Returns for each pixel its row and column in the tensor's matrix: x is the token, for queries and keys the query.
 * @param {string} name
 */
function stripOf(name) {
  const matrix = matrixOf(name, here.head);
  const key = `${name} ${matrix.head}`;
  if (!kept.has(key)) kept.set(key, { matrix, ...pooled(matrix) });
  return kept.get(key);
}

function pooled(matrix) {
  const channels = matrix.square ? matrix.cols : matrix.rows;
  const down = Math.ceil(channels / ROWS);
  const [rows, cols] = [Math.ceil(channels / down), Math.ceil(T / BLOCK)];
  const cells = new Array(rows * cols);
  const size = (value) => (Number.isNaN(value) ? Infinity : value === -Infinity ? -1 : Math.abs(value));
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      let best = null;
      let many = 0;
      for (let channel = row * down; channel < Math.min(channels, (row + 1) * down); channel++) {
        for (let token = col * BLOCK; token < Math.min(T, (col + 1) * BLOCK); token++) {
          const at = matrix.square ? { row: token, col: channel } : { row: channel, col: token };
          const value = matrix.value(at.row, at.col);
          many += 1;
          if (best === null || size(value) > size(best.value)) best = { ...at, value };
        }
      }
      cells[row * cols + col] = { ...best, many };
    }
  }
  return { rows, cols, cells };
}

/** Draws the strip of a tensor. */
export function drawStrip(canvas, name, width, height) {
  const context = fit(canvas, width, height);
  const { rows, cols, cells } = stripOf(name);
  const colour = colouring(name);
  context.imageSmoothingEnabled = cols > width;
  context.drawImage(pixels(rows, cols, (row, col) => colour(cells[row * cols + col].value)), 0, 0, width * (cols * BLOCK / T), height);
}

/** The cell that a pixel of the strip shows, at shares of its width and height. */
export function stripCell(name, x, y) {
  const { matrix, rows, cols, cells } = stripOf(name);
  const col = Math.min(cols - 1, Math.floor((x * T) / BLOCK));
  const row = Math.min(rows - 1, Math.floor(y * rows));
  return { matrix, ...cells[row * cols + col] };
}

/** Draws arcs from the keys that a token reads to the token. */
export function drawArcs(canvas, name, at, width, height) {
  const context = fit(canvas, width, height);
  const matrix = matrixOf(name, here.head);
  const x = (token) => ((token + 0.5) / T) * width;
  context.strokeStyle = property("--pattern");
  context.lineCap = "round";
  for (let key = 0; key <= at; key++) {
    const weight = matrix.value(at, key);
    if (!(weight > 0.004)) continue;
    context.globalAlpha = 0.15 + 0.85 * weight;
    context.lineWidth = 0.75 + 5 * weight;
    context.beginPath();
    context.moveTo(x(key), 1);
    context.bezierCurveTo(x(key), height / 2, x(at), height / 2, x(at), height - 1);
    context.stroke();
  }
}

/** Hatches the strip of a tensor that is not in the file. */
export function drawNothing(canvas, width, height) {
  hatch(fit(canvas, width, height), property("--masked"), 0, 0, width, height);
}
