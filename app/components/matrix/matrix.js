// A matrix as a heatmap: tokens on its axes, a crosshair, and the true value under it.
// Small matrices come as float32; large ones as pixels that each stand for a block of cells, and the value of a
// cell is asked for.

import { cleanup, clamp, el, fitCanvas, hover, oneInFlight, onHover, onResize, packed, painted } from "../shared.js";
import { property, ramp, short, typedArray, viewOf, visible } from "../shared.js";

const LEGEND = { gap: 14, width: 10, text: 44 };
const CODE = { masked: 0, nan: 1, first: 2 }; // what pixels mean; see __init__.py
const UPRIGHT = 16; // px: shorter column labels are never turned
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
  view.flight.offer({ name: view.data.name, hover: view.cell, pin: view.pinned });
}

// ---- values --------------------------------------------------------------------------------------------------

/** The true value of a cell, or undefined while only the server knows it. */
function valueAt(view, { row, col }) {
  const { cols, cell } = view.data;
  if (view.values) return view.values[row * cols + col];
  return same(cell, { row, col }) ? cell.value : undefined;
}

function place(axis, labels, index) {
  return labels ? `${axis} '${visible(labels[index])}' (${index})` : `${axis} ${index}`;
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
  const where = [place(data.row_axis, data.row_labels, cell.row), place(data.col_axis, data.col_labels, cell.col)];
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

/** One pixel per cell (or block), and the masks of what is no number. */
function paintPixels(view) {
  const { p_rows, p_cols, vmin, vmax, scale, gamma } = view.data;
  const table = ramp(view.root, `--gs-${scale}`, 254, scale === "sequential" ? gamma : 1);
  const codes = view.codes ?? codesOf(view.values, vmin, vmax);
  const image = new ImageData(p_cols, p_rows);
  const out = new Uint32Array(image.data.buffer);
  const special = [packed(view.root, "--gs-masked"), packed(view.root, "--gs-nan")];
  view.has = [false, false];
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code < CODE.first) view.has[code] = true;
    out[i] = code < CODE.first ? special[code] : table[code - CODE.first];
  }
  const canvas = new OffscreenCanvas(p_cols, p_rows);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return { canvas, codes };
}

function codesOf(values, vmin, vmax) {
  const codes = new Uint8Array(values.length);
  const factor = vmax > vmin ? 253 / (vmax - vmin) : 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) codes[i] = CODE.nan;
    else if (value === -Infinity) codes[i] = CODE.masked;
    else codes[i] = CODE.first + Math.round(clamp((value - vmin) * factor, 0, 253));
  }
  return codes;
}

/** Hatches the cells of a code, so that "masked" and "not a number" are never mistaken for a colour of the scale. */
function hatch(view, context, code, codes) {
  if (!view.has[code]) return;
  const { x, y, width, height } = view.plot;
  const { p_rows, p_cols } = view.data;
  const mask = new ImageData(p_cols, p_rows);
  new Uint32Array(mask.data.buffer).set(Array.from(codes, (c) => (c === code ? 0xff000000 : 0)));
  const small = new OffscreenCanvas(p_cols, p_rows);
  small.getContext("2d").putImageData(mask, 0, 0);
  const layer = new OffscreenCanvas(Math.ceil(width), Math.ceil(height));
  const pen = layer.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, width, height);
  pen.globalCompositeOperation = "source-in";
  pen.strokeStyle = property(view.root, "--st-background-color");
  pen.lineWidth = 1;
  pen.beginPath();
  for (let at = -height; at < width + height; at += 6) {
    pen.moveTo(at, code === CODE.masked ? height : 0);
    pen.lineTo(at + height, code === CODE.masked ? 0 : height);
  }
  // "source-in" would keep only the last line of several strokes: all lines are one path
  pen.stroke();
  context.drawImage(layer, x, y);
}

function layout(view, context) {
  const { rows, cols, row_labels, col_labels, square } = view.data;
  const [w, h] = [view.box.clientWidth, view.box.clientHeight];
  context.font = view.font;
  const widest = (labels, count) =>
    Math.min(72, Math.max(...(labels ? labels.map((l) => context.measureText(visible(l)).width) : [context.measureText(String(count - 1)).width]), 6));
  const left = 20 + widest(row_labels, rows);
  const right = LEGEND.gap + LEGEND.width + LEGEND.text;
  const labelWidth = widest(col_labels, cols);
  let cellW = (w - left - right) / cols;
  const turned = labelWidth > Math.max(cellW * (col_labels ? 1 : 8) - 3, UPRIGHT);
  const bottom = 22 + (turned ? labelWidth : 12);
  let cellH = Math.min((h - bottom - 4) / rows, 44);
  if (square) cellW = cellH = Math.min(cellW, cellH);
  if (cellW >= 4) cellW = Math.floor(cellW);
  if (cellH >= 4) cellH = Math.floor(cellH);
  const [width, height] = [cellW * cols, cellH * rows];
  const spare = Math.max(0, w - left - right - width);
  view.plot = { x: left + (square ? spare / 2 : 0), y: 4, width, height, cellW, cellH, turned, labelWidth };
}

function draw(view) {
  const { root, base, box } = view;
  view.font = `11.5px ${property(root, "--gs-mono")}`;
  const context = fitCanvas(base, box.clientWidth, box.clientHeight);
  layout(view, context);
  const { x, y, width, height } = view.plot;
  const { canvas, codes } = paintPixels(view);
  context.imageSmoothingEnabled = width < view.data.p_cols || height < view.data.p_rows;
  context.drawImage(canvas, x, y, width, height);
  hatch(view, context, CODE.masked, codes);
  hatch(view, context, CODE.nan, codes);
  drawFrame(view, context);
  drawAxes(view, context);
  drawLegend(view, context);
  drawOver(view);
}

function drawFrame(view, context) {
  const { x, y, width, height, cellW, cellH } = view.plot;
  context.strokeStyle = property(view.root, "--st-background-color");
  context.lineWidth = 1;
  context.beginPath();
  if (cellW >= 14 && cellH >= 14) {
    for (let i = 1; i < view.data.cols; i++) line(context, x + i * cellW, y, x + i * cellW, y + height);
    for (let i = 1; i < view.data.rows; i++) line(context, x, y + i * cellH, x + width, y + i * cellH);
  }
  context.stroke();
  context.strokeStyle = view.soft = getComputedStyle(view.readout).getPropertyValue("--frame");
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

function line(context, x1, y1, x2, y2) {
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
}

function cut(context, label) {
  if (context.measureText(label).width <= 72) return label;
  let text = label;
  while (text.length > 1 && context.measureText(`${text}…`).width > 72) text = text.slice(0, -1);
  return `${text}…`;
}

function drawAxes(view, context) {
  const { rows, cols, row_labels, col_labels, row_axis, col_axis } = view.data;
  const { x, y, width, height, cellW, cellH, turned, labelWidth } = view.plot;
  const name = (labels, i) => cut(context, labels ? visible(labels[i]) : String(i));
  context.font = view.font;
  context.fillStyle = property(view.root, "--st-text-color");
  context.textBaseline = "middle";
  context.textAlign = "right";
  const everyRow = thin(13 / cellH, !row_labels);
  for (let i = 0; i < rows; i += everyRow) context.fillText(name(row_labels, i), x - 5, y + (i + 0.5) * cellH);
  const everyCol = thin((turned ? 13 : labelWidth + (col_labels ? 3 : 10)) / cellW, !col_labels);
  for (let i = 0; i < cols; i += everyCol) {
    context.save();
    context.translate(x + (i + 0.5) * cellW, y + height + 5);
    if (turned) context.rotate(-Math.PI / 2);
    context.textAlign = turned ? "right" : "center";
    context.fillText(name(col_labels, i), 0, turned ? 0 : 6);
    context.restore();
  }
  context.font = `600 11.5px ${property(view.root, "--st-font")}`;
  context.textAlign = "center";
  context.fillText(`${col_axis} →`, x + width / 2, y + height + (turned ? labelWidth : 12) + 14);
  context.save();
  context.translate(x - widthOfRows(view, context) - 13, y + height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(`← ${row_axis}`, 0, 0);
  context.restore();
}

function widthOfRows(view, context) {
  const { rows, row_labels } = view.data;
  context.save();
  context.font = view.font;
  const labels = row_labels ? row_labels.map(visible) : [String(rows - 1)];
  const width = Math.min(72, Math.max(...labels.map((label) => context.measureText(label).width)));
  context.restore();
  return width;
}

/** Every how many labels fit: any number for tokens, a round one for numbers. */
function thin(needed, round) {
  const every = Math.max(1, Math.ceil(needed));
  if (!round || every === 1) return every;
  return [2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512].find((n) => n >= every) ?? every;
}

function drawLegend(view, context) {
  const { vmin, vmax, scale, gamma } = view.data;
  const { x, y, width, height } = view.plot;
  const tall = Math.max(60, Math.min(height, 300));
  const left = x + width + LEGEND.gap;
  const table = ramp(view.root, `--gs-${scale}`, 254, 1);
  const strip = new ImageData(1, 254);
  new Uint32Array(strip.data.buffer).set(table.reverse());
  const canvas = new OffscreenCanvas(1, 254);
  canvas.getContext("2d").putImageData(strip, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(canvas, left, y, LEGEND.width, tall);
  context.strokeStyle = view.soft;
  context.strokeRect(left - 0.5, y - 0.5, LEGEND.width + 1, tall + 1);
  context.font = `11px ${property(view.root, "--gs-mono")}`;
  context.fillStyle = property(view.root, "--st-text-color");
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

/** What moves with the pointer, on a canvas of its own: the heatmap below is not drawn again. */
function drawOver(view) {
  if (!view.plot) return;
  const { data, root, box } = view;
  const context = fitCanvas(view.over, box.clientWidth, box.clientHeight);
  const { x, y, width, height, cellW, cellH } = view.plot;
  const accent = property(root, "--gs-accent");
  const text = property(root, "--st-text-color");
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
  if (view.name !== data.name) Object.assign(view, { name: data.name, cell: null, pinned: null, marked: null });
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
