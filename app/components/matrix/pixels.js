// From values to colours: one pixel per cell or block, and hatches over what is no number.

import { contextOf, pixelCanvas } from "../shared/canvas.js";
import { packed, property, ramp } from "../shared/colours.js";
import { CODE, codesOf } from "../shared/codes.js";
import { typedArray } from "../shared/numbers.js";

/** One pixel per cell (or block) in colour, and the part of them that is in sight. */
export function picture(view) {
  const { scale, gamma } = view.data;
  const { codes, rows, cols, seen } = codesInSight(view);
  const table = ramp(view, `--gs-${scale}`, 254, scale === "sequential" ? gamma : 1);
  const special = [0, packed(view, "--gs-nan")]; // what is masked is transparent, over hatches
  const has = [false, false];
  const canvas = pixelCanvas(view, "cells", cols, rows, (out) => {
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i];
      if (code < CODE.first) has[code] = true;
      out[i] = code < CODE.first ? special[code] : table[code - CODE.first];
    }
  });
  return { canvas, codes, rows, cols, seen, has };
}

/** The codes of all pixels, or of the true cells that were sent for what one has zoomed to. */
function codesInSight(view) {
  const { data, sight } = view;
  const { rows, cols, p_rows, p_cols, causal } = data;
  if (exact(view)) {
    const codes = codesOf(typedArray(data.cells), { ...data, cols: sight.cols });
    if (causal) maskFuture(codes, sight.rows, sight.cols, (row) => row + sight.row - sight.col);
    return { codes, rows: sight.rows, cols: sight.cols, seen: [0, 0, sight.cols, sight.rows] };
  }
  const [down, across] = [Math.ceil(rows / p_rows), Math.ceil(cols / p_cols)];
  const codes = view.codes ? view.codes.slice() : codesOf(view.values, data);
  if (causal) maskFuture(codes, p_rows, p_cols, (row) => Math.floor((Math.min(rows, (row + 1) * down) - 1) / across));
  return { codes, rows: p_rows, cols: p_cols, seen: [sight.col / across, sight.row / down, sight.cols / across, sight.rows / down] };
}

/** True where the server has sent the cells of the very part that is in sight. */
export function exact({ data, sight }) {
  const at = data.cells_at;
  return Boolean(at) && at[0] === sight.row && at[1] === sight.col && at[2] === sight.rows && at[3] === sight.cols;
}

/** Of a pattern, what is masked is no weight that happens to be 0: a pixel whose cells all lie above the diagonal. */
function maskFuture(codes, rows, cols, lastSeen) {
  for (let row = 0; row < rows; row++) {
    for (let col = Math.max(0, lastSeen(row) + 1); col < cols; col++) codes[row * cols + col] = CODE.masked;
  }
}

const HATCH = 6; // px between lines

/** A tile of lines, from the lower left to the upper right or the other way, that fit each other. */
function tile(view, rising) {
  const name = rising ? "risingTile" : "fallingTile";
  const colour = property(view, rising ? "--gs-masked" : "--gs-paper");
  if (view[name]?.colour === colour) return view[name].canvas;
  const canvas = new OffscreenCanvas(HATCH, HATCH);
  const pen = contextOf(canvas);
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const at of [-HATCH, 0, HATCH]) {
    pen.moveTo(at, rising ? HATCH : 0);
    pen.lineTo(at + HATCH, rising ? 0 : HATCH);
  }
  pen.stroke();
  view[name] = { colour, canvas };
  return canvas;
}

/** Hatches the whole plot: the cells are drawn over it, and what is masked is left out. */
export function hatchMasked(view, context) {
  const { x, y, width, height } = view.plot;
  const lines = tile(view, true);
  const kept = view.hatched;
  const same = kept?.lines === lines && kept.width === width && kept.height === height;
  if (!same) view.hatched = { lines, width, height, layer: filled(lines, width, height) };
  context.drawImage(view.hatched.layer, x, y, width, height);
}

function filled(canvas, width, height) {
  const layer = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  const pen = contextOf(layer);
  pen.fillStyle = pen.createPattern(canvas, "repeat") ?? "transparent";
  pen.fillRect(0, 0, layer.width, layer.height);
  return layer;
}

/** Hatches the cells that are no number, so that they are never mistaken for a colour of the scale. */
export function hatchUnknown(view, context, { codes, rows, cols, seen }) {
  const { x, y, width, height } = view.plot;
  const mask = pixelCanvas(view, "mask", cols, rows, (out) => {
    for (let i = 0; i < codes.length; i++) if (codes[i] === CODE.nan) out[i] = 0xff000000;
  });
  const layer = filled(tile(view, false), width, height);
  const pen = contextOf(layer);
  const [px, py, wide, tall] = seen;
  pen.imageSmoothingEnabled = false;
  pen.globalCompositeOperation = "destination-in";
  pen.drawImage(mask, px, py, wide, tall, 0, 0, layer.width, layer.height);
  context.drawImage(layer, x, y, width, height);
}
