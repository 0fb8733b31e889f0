// Drawing a row of a pattern anew: one cell is given a weight, and the others of its row keep their proportions in what
// is left of 1. The row is shown at once; the server sets it, and sends what follows from it.

import { clamp } from "../shared/numbers.js";
import { nextNumber } from "../shared/sending.js";
import { draw } from "./drawing.js";
import { showValue } from "./values.js";

const WHOLE = 200; // px of a drag from a weight of 0 to one of 1
const STILL = 3; // px within which a press is a click
const STEP = 0.05; // of a weight, by a key

/** Returns true while rows are drawn. */
export function draws(view) {
  return Boolean(view.data.draws && view.values && view.data.plot !== "links");
}

/** Begins with a cell, if its row can read it. */
export function beginRow(view, event, cell) {
  if (!cell || cell.col > cell.row || event.button !== 0) return;
  view.over.setPointerCapture?.(event.pointerId);
  const row = rowOf(view, cell.row);
  view.drawing = { cell, row, from: event.offsetY, moved: false };
}

export function dragRow(view, event) {
  const { cell, row, from } = view.drawing;
  const up = from - event.offsetY;
  if (Math.abs(up) > STILL) view.drawing.moved = true;
  if (view.drawing.moved) show(view, cell, row, row[cell.col] + up / WHOLE);
}

/** Lets go: what was drawn is set; a click gives the cell all weight. */
export function endRow(view) {
  if (!view.drawing) return;
  const { cell, row, moved } = view.drawing;
  if (!moved) show(view, cell, row, 1);
  tell(view, cell.row);
  view.drawing = null;
}

/** Page keys give the cell more or less, Enter all. */
export function pressedOnRow(view, event, cell) {
  const steps = { PageUp: STEP, PageDown: -STEP, Enter: 1, " ": 1 };
  if (!(event.key in steps) || cell.col > cell.row) return false;
  const row = rowOf(view, cell.row);
  show(view, cell, row, row[cell.col] + steps[event.key]);
  tell(view, cell.row);
  return true;
}

/** The weights of a row, up to its own position. */
function rowOf(view, row) {
  return Array.from(view.values.subarray(row * view.data.cols, row * view.data.cols + row + 1));
}

/** Shows the row with another weight of a cell; the first cell of all has no other to make room. */
function show(view, { row, col }, before, weight) {
  const wanted = clamp(weight, 0, 1);
  const others = before.reduce((sum, each, i) => (i === col ? sum : sum + each), 0);
  const after = before.map((each, i) => {
    if (i === col) return before.length === 1 ? 1 : wanted;
    return others > 0 ? (each / others) * (1 - wanted) : (1 - wanted) / (before.length - 1);
  });
  view.values = view.values.slice(); // what was sent stays as it is
  view.values.set(after, row * view.data.cols);
  draw(view);
  showValue(view);
}

function tell(view, row) {
  view.send("explain", { row, drawn: rowOf(view, row), name: view.data.name, seq: nextNumber() });
}
