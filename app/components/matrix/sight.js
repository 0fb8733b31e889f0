// The part of a matrix that is in sight: all of it, or what one has zoomed to. Whole cells, so that no value is split.

import { clamp } from "../shared/numbers.js";

/**
 * Returns the part of a matrix that shows all of it.
 * @param {{rows: number, cols: number}} data
 */
export function whole({ rows, cols }) {
  return { row: 0, col: 0, rows, cols, whole: true };
}

/**
 * Returns a smaller or larger part around a cell, which stays where it is.
 * @param {any} sight
 * @param {{rows: number, cols: number}} data
 * @param {{row: number, col: number}} around
 * @param {number} factor - below 1 to look closer
 */
export function zoomed(sight, data, around, factor) {
  const rows = clamp(Math.round(sight.rows * factor), Math.min(4, data.rows), data.rows);
  const cols = clamp(Math.round(sight.cols * factor), Math.min(4, data.cols), data.cols);
  const share = [(around.row - sight.row + 0.5) / sight.rows, (around.col - sight.col + 0.5) / sight.cols];
  return placed({ row: around.row + 0.5 - share[0] * rows, col: around.col + 0.5 - share[1] * cols, rows, cols }, data);
}

/**
 * Returns the same part, moved by so many cells.
 * @param {any} sight
 * @param {{rows: number, cols: number}} data
 * @param {number} down
 * @param {number} across
 */
export function moved(sight, data, down, across) {
  return placed({ ...sight, row: sight.row + down, col: sight.col + across }, data);
}

function placed({ row, col, rows, cols }, data) {
  return {
    row: clamp(Math.round(row), 0, data.rows - rows),
    col: clamp(Math.round(col), 0, data.cols - cols),
    rows,
    cols,
    whole: rows === data.rows && cols === data.cols,
  };
}
