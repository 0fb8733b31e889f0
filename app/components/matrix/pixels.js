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
  const special = [packed(view, "--gs-paper"), packed(view, "--gs-nan")];
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

export function hatchAll(view, context, drawn) {
  hatch(view, context, CODE.masked, drawn);
  hatch(view, context, CODE.nan, drawn);
}

/** Hatches the cells of a code, so that "masked" and "not a number" are never mistaken for a colour of the scale. */
function hatch(view, context, code, { codes, rows, cols, seen, has }) {
  if (!has[code]) return;
  const { x, y, width, height } = view.plot;
  const mask = pixelCanvas(view, "mask", cols, rows, (out) => {
    for (let i = 0; i < codes.length; i++) if (codes[i] === code) out[i] = 0xff000000;
  });
  const layer = new OffscreenCanvas(Math.ceil(width), Math.ceil(height));
  const pen = contextOf(layer);
  pen.imageSmoothingEnabled = false;
  const [px, py, wide, tall] = seen;
  pen.drawImage(mask, px, py, wide, tall, 0, 0, width, height);
  pen.globalCompositeOperation = "source-in";
  pen.strokeStyle = property(view, code === CODE.masked ? "--gs-masked" : "--gs-paper");
  pen.lineWidth = 1;
  pen.beginPath(); // one path: with "source-in", each stroke would wipe out the one before
  for (let at = -height; at < width + height; at += 6) {
    pen.moveTo(at, code === CODE.masked ? height : 0);
    pen.lineTo(at + height, code === CODE.masked ? 0 : height);
  }
  pen.stroke();
  context.drawImage(layer, x, y);
}
