// A matrix as a heatmap: tokens on its axes, a crosshair, and the true value under it.
// Small matrices come as float32; large ones as pixels that each stand for a block of cells, and the value of a
// cell is asked for.

import { fitCanvas } from "../shared/canvas.js";
import { property } from "../shared/colours.js";
import { el } from "../shared/dom.js";
import { hover, onHover } from "../shared/hover.js";
import { clamp, short, typedArray } from "../shared/numbers.js";
import { oneInFlight } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { drawAxes, drawFrame, drawLegend, layout } from "./axes.js";
import { hatchAll, paintPixels } from "./pixels.js";

const PAUSE = 50; // ms that the pointer rests before a value is asked for

function build(root, view) {
  view.readout = el("div", { class: "readout number", role: "status", "aria-live": "polite" });
  view.base = el("canvas", { "aria-hidden": "true" });
  view.over = el("canvas", { class: "over", tabindex: "0", role: "img" });
  view.box = el("div", { class: "box" }, view.base, view.over);
  root.append(view.readout, view.box);
  view.flight = oneInFlight((value) => view.send("event", value));
  view.cleanups.push(() => view.flight.stop());
  view.over.addEventListener("pointermove", (event) => pointAt(view, cellAt(view, event)));
  view.over.addEventListener("pointerleave", () => pointAt(view, null));
  view.over.addEventListener("click", (event) => pin(view, cellAt(view, event)));
  view.over.addEventListener("keydown", (event) => pressed(view, event));
  view.over.addEventListener("blur", () => pointAt(view, null));
  onHover(view, (at) => {
    view.marked = at;
    drawOver(view);
  });
  view.redraw = () => draw(view);
  onResize(view, view.box, () => draw(view));
}

// ---- pointing ------------------------------------------------------------------------------------------------

function cellAt(view, event) {
  const { x, y, width, height } = view.plot;
  const { rows, cols } = view.data;
  const [px, py] = [event.offsetX - x, event.offsetY - y];
  if (px < 0 || py < 0 || px >= width || py >= height) return null;
  return { row: Math.floor((py / height) * rows), col: Math.floor((px / width) * cols) };
}

function pressed(view, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const { rows, cols } = view.data;
  const from = view.cell ?? view.pinned ?? { row: rows - 1, col: 0 };
  if (event.key === "Escape") pointAt(view, null);
  else if (event.key === "Enter" || event.key === " ") pin(view, from);
  else if (event.key in steps) {
    const [down, right] = steps[event.key];
    const far = event.shiftKey ? 10 : 1;
    const row = clamp(from.row + (view.cell ? down * far : 0), 0, rows - 1);
    pointAt(view, { row, col: clamp(from.col + (view.cell ? right * far : 0), 0, cols - 1) });
  } else return;
  event.preventDefault();
}

function same(a, b) {
  return a?.row === b?.row && a?.col === b?.col;
}

function pointAt(view, cell) {
  if (same(view.cell, cell)) return;
  view.cell = cell;
  view.marked = null;
  tellOthers(view);
  drawOver(view);
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
  view.pinned = same(view.pinned, cell) ? null : cell;
  tellServer(view);
  drawOver(view);
  showValue(view);
}

function tellServer(view) {
  const wanted = view.cell ?? view.pinned;
  view.flight.offer({ name: view.data.name, hover: wanted, pin: view.pinned });
}

// ---- values --------------------------------------------------------------------------------------------------

/** The true value of a cell, or undefined while only the server knows it. */
function valueAt(view, { row, col }) {
  const { cols, cell } = view.data;
  if (view.values) return view.values[row * cols + col];
  return same(cell, { row, col }) ? cell.value : undefined;
}

function place(axis, labels, index, answered) {
  const label = labels ? labels[index] : answered;
  return label == null ? `${axis} ${index}` : `${axis} '${visible(label)}' (${index})`;
}

function showValue(view) {
  const { data, root } = view;
  const cell = view.cell ?? view.pinned;
  const inside = cell && cell.row < data.rows && cell.col < data.cols;
  root.dataset.row = inside ? cell.row : "";
  root.dataset.col = inside ? cell.col : "";
  view.readout.classList.toggle("idle", !inside);
  if (!inside) {
    root.dataset.value = "";
    view.readout.textContent = data.note;
    return;
  }
  const value = valueAt(view, cell);
  root.dataset.value = value === undefined ? "" : String(value);
  if (value === undefined) askSoon(view);
  const [row, col] = same(data.cell, cell) ? data.cell.labels : [];
  const where = [
    place(data.row_axis, data.row_labels, cell.row, row),
    place(data.col_axis, data.col_labels, cell.col, col),
  ];
  view.readout.textContent = `${where.join(data.join)}: ${value === undefined ? "…" : short(value)}`;
}

function askSoon(view) {
  clearTimeout(view.asking);
  view.asking = setTimeout(() => {
    const cell = view.cell ?? view.pinned;
    if (cell && valueAt(view, cell) === undefined) tellServer(view);
  }, PAUSE);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function draw(view) {
  view.font = `11.5px ${property(view, "--gs-mono")}`;
  const space = spaceOf(view, view.box);
  const context = fitCanvas(view.base, space.width, space.height);
  view.plot = layout(view, context);
  const { x, y, width, height } = view.plot;
  const { canvas, codes } = paintPixels(view);
  context.imageSmoothingEnabled = width < view.data.p_cols || height < view.data.p_rows;
  context.drawImage(canvas, x, y, width, height);
  hatchAll(view, context, codes);
  drawFrame(view, context);
  drawAxes(view, context);
  drawLegend(view, context);
  drawOver(view);
}

/** What moves with the pointer, on a canvas of its own: the heatmap below is not drawn again. */
function drawOver(view) {
  if (!view.plot) return;
  const { data } = view;
  const space = spaceOf(view, view.box);
  const context = fitCanvas(view.over, space.width, space.height);
  const { x, y, width, height, cellW, cellH } = view.plot;
  const accent = property(view, "--gs-accent");
  const text = property(view, "--st-text-color");
  const column = (i) => context.strokeRect(x + i * cellW, y - 2, cellW, height + 4);
  const band = (i) => context.strokeRect(x - 2, y + i * cellH, width + 4, cellH);
  const frame = (cell, color) => {
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.strokeRect(x + cell.col * cellW - 1, y + cell.row * cellH - 1, Math.max(cellW, 3) + 2, Math.max(cellH, 3) + 2);
  };
  const { index, query } = view.marked ?? { index: null, query: null };
  context.strokeStyle = accent;
  context.lineWidth = 2;
  if (index !== null && data.col_tokens && index < data.cols) column(index);
  if (index !== null && data.row_tokens && !data.col_tokens && index < data.rows) band(index);
  if (query !== null && data.row_tokens && query < data.rows) band(query);
  if (view.cell && view.cell.row < data.rows && view.cell.col < data.cols) {
    context.lineWidth = 1;
    context.globalAlpha = 0.75;
    column(view.cell.col);
    band(view.cell.row);
    context.globalAlpha = 1;
    frame(view.cell, text);
  }
  if (view.pinned && view.pinned.row < data.rows && view.pinned.col < data.cols) frame(view.pinned, accent);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  if (view.name !== data.name) {
    if (view.cell) hover(view, null); // its tokens are no longer pointed at
    Object.assign(view, { name: data.name, cell: null, pinned: null, marked: null });
  }
  view.values = typedArray(data.values);
  view.codes = typedArray(data.pixels);
  view.flight.acknowledge(data.ack);
  root.style.setProperty("--height", data.height);
  Object.assign(root.dataset, { rows: data.rows, cols: data.cols, vmin: data.vmin, vmax: data.vmax });
  view.over.setAttribute("aria-label", `${data.name}: ${data.rows} by ${data.cols}; arrow keys read its values`);
  draw(view);
  showValue(view);
  painted(view, data.panel);
  return cleanup(component);
}
