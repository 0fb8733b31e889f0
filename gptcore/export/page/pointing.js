// Pointing at the cells of the heatmap, zooming and moving, by pointer and keyboard.

import { toggleLock } from "./state.js";
import { clamp } from "./numbers.js";
import { indexText } from "./cells.js";
import { cellAt, drawMarks, drawPlot, lightToken, lockOf, whole } from "./plot.js";
import { hideTip, showTip } from "./tip.js";

const CLOSEST = 3; // cells in sight at least
const NEARER = 0.8;

/** Listens on the canvas in front. */
export function listen(view) {
  let from = null; // where a drag began
  const { over, box } = view;
  over.addEventListener("pointerdown", (event) => {
    from = { x: event.offsetX, y: event.offsetY, sight: view.sight, moved: false };
  });
  over.addEventListener("pointermove", (event) => {
    if (from && event.buttons) return drag(view, from, event);
    pointAt(view, cellAt(view, event.offsetX, event.offsetY), { x: event.clientX, y: event.clientY });
  });
  over.addEventListener("pointerleave", () => pointAt(view, null));
  over.addEventListener("click", (event) => {
    const cell = from?.moved ? null : cellAt(view, event.offsetX, event.offsetY);
    const at = cell && lockOf(view, cell);
    if (at !== null) toggleLock(at);
    from = null;
  });
  const wheel = (event) => {
    const cell = cellAt(view, event.offsetX, event.offsetY);
    if (!cell) return;
    event.preventDefault();
    const { plot } = view;
    zoom(view, event.deltaY > 0 ? 1 / NEARER : NEARER, (event.offsetX - plot.x) / plot.width, (event.offsetY - plot.y) / plot.height);
  };
  over.addEventListener("wheel", wheel, { passive: false });
  box.addEventListener("keydown", (event) => pressed(view, event));
  box.addEventListener("blur", () => pointAt(view, null));
}

function drag(view, from, event) {
  const { plot, matrix } = view;
  if (Math.hypot(event.offsetX - from.x, event.offsetY - from.y) > 4) from.moved = true;
  if (!from.moved) return;
  pointAt(view, null);
  const [down, across] = [(from.y - event.offsetY) / plot.cellH, (from.x - event.offsetX) / plot.cellW];
  look(view, within({ ...from.sight, row: from.sight.row + down, col: from.sight.col + across }, matrix));
}

/**
 * Brings the cells nearer, or takes them farther.
 * @param {any} view
 * @param {number} factor - of the number of cells in sight
 * @param {number} across - the share of the width that stays where it is
 * @param {number} down
 */
export function zoom(view, factor, across = 0.5, down = 0.5) {
  const { sight, matrix } = view;
  const rows = clamp(sight.rows * factor, Math.min(CLOSEST, matrix.rows), matrix.rows);
  const cols = clamp(sight.cols * factor, Math.min(CLOSEST, matrix.cols), matrix.cols);
  look(view, within({ row: sight.row + (sight.rows - rows) * down, col: sight.col + (sight.cols - cols) * across, rows, cols }, matrix));
}

export function look(view, sight) {
  view.sight = sight;
  drawPlot(view);
  view.told();
}

function within({ row, col, rows, cols }, matrix) {
  return { row: clamp(row, 0, matrix.rows - rows), col: clamp(col, 0, matrix.cols - cols), rows, cols };
}

/**
 * Tells of a cell: beside the pointer, below the plot, and everywhere else by its token.
 * @param {any} view
 * @param {{row: number, col: number} | null} cell
 * @param {{x: number, y: number} | null} at - where the pointer is
 */
export function pointAt(view, cell, at = null) {
  view.cell = cell;
  lightToken(view, cell);
  drawMarks(view);
  view.said.replaceChildren(...(cell ? indexText(view.matrix, cell.row, cell.col).flatMap((parts) => [...parts, "  "]) : []));
  if (!cell || !at) return hideTip();
  const { matrix } = view;
  showTip(at, indexText(matrix, cell.row, cell.col), { name: matrix.name, index: matrix.index(cell.row, cell.col), value: matrix.value(cell.row, cell.col) });
}

function pressed(view, event) {
  const { matrix, cell } = view;
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (event.key in steps) {
    const [down, across] = steps[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
    const from = cell ?? { row: Math.floor(view.sight.row), col: Math.floor(view.sight.col) };
    const to = { row: clamp(from.row + (cell ? down : 0), 0, matrix.rows - 1), col: clamp(from.col + (cell ? across : 0), 0, matrix.cols - 1) };
    bringToSight(view, to);
    pointAt(view, to);
  } else if ((event.key === "Enter" || event.key === " ") && cell) {
    const at = lockOf(view, cell);
    if (at !== null) toggleLock(at);
  } else if (event.key === "+" || event.key === "-") zoom(view, event.key === "+" ? NEARER : 1 / NEARER);
  else if (event.key === "0") look(view, whole(matrix));
  else return;
  event.preventDefault();
}

function bringToSight(view, { row, col }) {
  const { sight } = view;
  const to = { ...sight, row: clamp(sight.row, row - sight.rows + 1, row), col: clamp(sight.col, col - sight.cols + 1, col) };
  if (to.row !== sight.row || to.col !== sight.col) look(view, to);
}
