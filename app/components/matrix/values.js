// The value of a cell, told beside it: from here, or asked for where only pixels were sent.

import { write } from "../shared/dom.js";
import { clamp, short, typedArray } from "../shared/numbers.js";
import { spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";
import { labelsOf } from "./axes.js";
import { exact } from "./pixels.js";

const PAUSE = 50; // ms that the pointer rests before a value is asked for

export function same(a, b) {
  return a?.row === b?.row && a?.col === b?.col;
}

/** The true value of a cell, or undefined while only the server knows it. */
function valueAt(view, { row, col }) {
  const { cols, cell } = view.data;
  if (view.values) return view.values[row * cols + col];
  if (exact(view)) {
    const { row: top, col: left, rows, cols: wide } = view.sight;
    const inside = row >= top && row < top + rows && col >= left && col < left + wide;
    if (inside) return typedArray(view.data.cells)[(row - top) * wide + col - left];
  }
  return same(cell, { row, col }) ? cell.value : undefined;
}

function place(axis, labels, index, answered, id = index) {
  const label = labels ? labels[index] : answered;
  if (!axis) return null;
  return label == null ? `${axis} ${index}` : `${axis} '${visible(label)}' (${id})`;
}

/** True where a change keeps the query of a cell from reading its key. */
function isCut({ cut }, { row, col }) {
  return Boolean(cut?.some(([query, key]) => query === row && key === col));
}

export function showValue(view) {
  const { data, root } = view;
  const cell = view.cell ?? view.pinned;
  const inside = cell && cell.row < data.rows && cell.col < data.cols;
  root.dataset.row = inside ? cell.row : "";
  root.dataset.col = inside ? cell.col : "";
  write(view.readout, data.note);
  view.readout.title = data.note;
  view.tip.hidden = !inside || (data.explains && same(cell, view.pinned)); // its card tells it
  if (!inside) {
    root.dataset.value = "";
    return;
  }
  const value = valueAt(view, cell);
  root.dataset.value = value === undefined ? "" : String(value);
  if (value === undefined) askSoon(view);
  const [row, col] = same(data.cell, cell) ? data.cell.labels : [];
  const where = [
    place(data.row_axis, labelsOf(view, "row"), cell.row, row, data.row_ids?.[cell.row]),
    place(data.col_axis, labelsOf(view, "col"), cell.col, col),
  ].filter((each) => each !== null);
  const why = isCut(data, cell) ? " · edge cut" : data.off ? ` · ${data.off}` : "";
  write(view.tip, `${where.join(data.join)}: ${value === undefined ? "…" : short(value)}${why}`);
  placeTip(view);
}

/** Beside the cell, inside the box, and not under the pointer. */
export function placeTip(view) {
  const cell = view.cell ?? view.pinned;
  if (view.tip.hidden || !cell) return;
  const { x, y, cellW, cellH, row, col } = view.plot;
  const space = spaceOf(view, view.box);
  const wide = view.tip.offsetWidth + 8;
  const right = x + (cell.col - col + 1) * cellW + 6;
  const left = right + wide <= space.width ? right : x + (cell.col - col) * cellW - wide; // never cut
  const top = y + (cell.row - row) * cellH - 30;
  view.tip.style.left = `${Math.max(4, left)}px`;
  view.tip.style.top = `${clamp(top, 2, space.height - 30)}px`;
}

function askSoon(view) {
  clearTimeout(view.asking);
  view.asking = setTimeout(() => {
    const cell = view.cell ?? view.pinned;
    if (cell && valueAt(view, cell) === undefined) tellServer(view);
  }, PAUSE);
}

/** Tells which cell's value is wanted, and what one has zoomed to. */
export function tellServer(view) {
  const wanted = view.cell ?? view.pinned;
  const { row, col, rows, cols } = view.sight;
  const part_ = view.values || view.sight.whole ? null : [row, col, rows, cols];
  view.flight.offer({ name: view.data.name, hover: wanted, pin: view.pinned, part: part_ });
}
