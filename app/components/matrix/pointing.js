// Pointing at cells: the pointer, the keyboard, what is pinned, and what one has zoomed to.

import { lock } from "../shared/following.js";
import { hover } from "../shared/hover.js";
import { clamp } from "../shared/numbers.js";
import { nextNumber } from "../shared/sending.js";
import { tokenIndex } from "../shared/tokens.js";
import { draw, drawOver, tellWherePinned } from "./drawing.js";
import { queryAt } from "./links.js";
import { beginRow, dragRow, draws, endRow, pressedOnRow } from "./row.js";
import { moved, whole, zoomed } from "./sight.js";
import { exact } from "./pixels.js";
import { placeTip, same, showValue, tellServer } from "./values.js";

const MOST_CELLS = 90_000; // as in matrix/__init__.py
const PAUSE = 120; // ms

export function listenToPointer(view) {
  let from = null; // where a drag began
  view.over.addEventListener("pointerdown", (event) => {
    if (draws(view)) return beginRow(view, event, cellAt(view, event));
    from = { x: event.offsetX, y: event.offsetY, sight: view.sight, moved: false };
  });
  view.over.addEventListener("pointermove", (event) => {
    if (view.drawing) return dragRow(view, event);
    if (from && event.buttons && !view.sight.whole) return drag(view, from, event);
    pointAt(view, cellAt(view, event));
  });
  view.over.addEventListener("pointerleave", () => pointAt(view, null));
  for (const end of ["pointerup", "pointercancel"]) view.over.addEventListener(end, () => endRow(view));
  view.over.addEventListener("click", (event) => {
    if (draws(view) && cellAt(view, event)) return;
    if (!from?.moved) clicked(view, event);
    from = null;
  });
  view.over.addEventListener(
    "wheel",
    (event) => {
      const cell = cellAt(view, event);
      if (!cell || view.data.plot === "links") return;
      event.preventDefault();
      zoom(view, cell, event.deltaY > 0 ? 1.25 : 0.8);
    },
    { passive: false },
  );
}

function drag(view, from, event) {
  const { cellW, cellH } = view.plot;
  const [down, across] = [(from.y - event.offsetY) / cellH, (from.x - event.offsetX) / cellW];
  if (Math.hypot(event.offsetX - from.x, event.offsetY - from.y) > 4) from.moved = true;
  if (from.moved) look(view, moved(from.sight, view.data, down, across));
}

function clicked(view, event) {
  const cell = cellAt(view, event);
  if (cell) return pin(view, cell);
  const { x, y, width, height } = view.plot;
  const { row_tokens, col_tokens, rows, cols } = view.data;
  const row = Math.floor(((event.offsetY - y) / height) * view.sight.rows) + view.sight.row;
  const col = Math.floor(((event.offsetX - x) / width) * view.sight.cols) + view.sight.col;
  if (event.offsetX < x && row_tokens && row >= 0 && row < rows) toggleLock(view, row);
  else if (event.offsetY > y + height && col_tokens && col >= 0 && col < cols) toggleLock(view, col);
}

function toggleLock(view, position) {
  lock(view, view.data.locked && position === view.data.position ? null : tokenIndex(view, position));
}

function cellAt(view, event) {
  const { x, y, width, height } = view.plot;
  const [px, py] = [event.offsetX - x, event.offsetY - y];
  if (view.data.plot === "links") return queryAt(view, event);
  if (px < 0 || py < 0 || px >= width || py >= height) return null;
  const { row, col, rows, cols } = view.sight;
  return { row: row + Math.floor((py / height) * rows), col: col + Math.floor((px / width) * cols) };
}

export function pressed(view, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const { rows, cols } = view.data;
  const from = view.cell ?? view.pinned ?? start(view.data);
  const zooms = { "+": () => zoom(view, from, 0.5), "-": () => zoom(view, from, 2), 0: () => look(view, whole(view.data)) };
  if (draws(view) && pressedOnRow(view, event, from)) return event.preventDefault();
  if (event.key === "Escape") leave(view);
  else if (event.key === "Enter" || event.key === " ") pin(view, from);
  else if (event.key in zooms) zooms[event.key]();
  else if (event.key in steps) {
    const [down, right] = steps[event.key];
    const far = event.shiftKey ? 10 : 1;
    const row = clamp(from.row + (view.cell ? down * far : 0), 0, rows - 1);
    pointAt(view, { row, col: clamp(from.col + (view.cell ? right * far : 0), 0, cols - 1) });
  } else return;
  event.preventDefault();
}

/** Points at nothing, and shuts the card of the cell that was clicked. */
function leave(view) {
  const { pinned } = view;
  pointAt(view, null);
  if (pinned && view.data.explains && !view.data.cuts) pin(view, pinned);
}

/** The cell with which the keyboard begins: of the token that is followed. */
function start({ rows, row_tokens, col_tokens, position }) {
  if (position === null || position === undefined) return { row: rows - 1, col: 0 };
  return col_tokens && !row_tokens ? { row: 0, col: position } : { row: position, col: 0 };
}

export function pointAt(view, cell) {
  if (same(view.cell, cell)) return placeTip(view);
  view.cell = cell;
  view.marked = null;
  tellOthers(view);
  if (view.data.plot === "links") draw(view);
  else drawOver(view);
  showValue(view);
}

function tellOthers(view) {
  const { row_tokens, col_tokens } = view.data;
  const cell = view.cell;
  if (!cell) hover(view, null);
  else if (col_tokens) hover(view, cell.col, row_tokens ? cell.row : null);
  else if (row_tokens) hover(view, cell.row);
}

function pin(view, cell) {
  if (!cell) return;
  if (view.data.cuts && view.data.plot !== "links") return view.send("explain", { ...cell, cut: true, name: view.data.name, seq: nextNumber() });
  view.pinned = same(view.pinned, cell) ? null : cell;
  tellServer(view);
  if (view.data.explains) view.send("explain", { ...(view.pinned ?? { row: null, col: null }), name: view.data.name, seq: nextNumber() });
  drawOver(view);
  tellWherePinned(view);
  showValue(view);
}

// ---- what is in sight ----------------------------------------------------------------------------------------------

export function middle(view) {
  const { row, col, rows, cols } = view.sight;
  return { row: row + Math.floor(rows / 2), col: col + Math.floor(cols / 2) };
}

export function zoom(view, around, factor) {
  look(view, zoomed(view.sight, view.data, around, factor));
}

export function look(view, sight) {
  view.sight = sight;
  draw(view);
  showValue(view);
  if (!view.values && !sight.whole && sight.rows * sight.cols <= MOST_CELLS && !exact(view)) askForCells(view);
}

/** Pixels stand for blocks: from near, the cells themselves are asked for, once the sight has come to rest. */
function askForCells(view) {
  clearTimeout(view.nearing);
  view.nearing = setTimeout(() => tellServer(view), PAUSE);
}

/** The part that is in sight stays where it is while the matrix grows; another matrix is seen whole. */
export function keepSight(view, other) {
  const { rows, cols } = view.data;
  if (other || !view.sight || view.sight.whole || view.sight.row + view.sight.rows > rows || view.sight.col + view.sight.cols > cols) {
    view.sight = whole(view.data);
  }
}
