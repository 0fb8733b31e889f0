// From values to colours: one pixel per cell or block, and hatches over what is no number.

import { contextOf, pixelCanvas } from "../shared/canvas.js";
import { packed, property, ramp } from "../shared/colours.js";
import { CODE, codesOf } from "../shared/codes.js";


/** One pixel per cell (or block), in colour. */
export function paintPixels(view) {
  const { p_rows, p_cols, scale, gamma } = view.data;
  const table = ramp(view, `--gs-${scale}`, 254, scale === "sequential" ? gamma : 1);
  const codes = view.codes ? view.codes.slice() : codesOf(view.values, view.data);
  if (view.data.causal) maskFuture(codes, view.data);
  const special = [packed(view, "--gs-paper"), packed(view, "--gs-nan")];
  view.has = [false, false];
  const canvas = pixelCanvas(view, "cells", p_cols, p_rows, (out) => {
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i];
      if (code < CODE.first) view.has[code] = true;
      out[i] = code < CODE.first ? special[code] : table[code - CODE.first];
    }
  });
  return { canvas, codes };
}

/** Of a pattern, what is masked is no weight that happens to be 0: a pixel whose cells all lie above the diagonal. */
function maskFuture(codes, { rows, cols, p_rows, p_cols }) {
  const [down, across] = [Math.ceil(rows / p_rows), Math.ceil(cols / p_cols)];
  for (let row = 0; row < p_rows; row++) {
    const last = Math.min(rows, (row + 1) * down) - 1;
    for (let col = Math.floor(last / across) + 1; col < p_cols; col++) codes[row * p_cols + col] = CODE.masked;
  }
}

export function hatchAll(view, context, codes) {
  hatch(view, context, CODE.masked, codes);
  hatch(view, context, CODE.nan, codes);
}

/** The part of the pixels that is in sight: its corner and its size, in pixels. */
export function part(view) {
  const { rows, cols, p_rows, p_cols } = view.data;
  const { row, col, rows: tall, cols: wide } = view.sight;
  const [down, across] = [Math.ceil(rows / p_rows), Math.ceil(cols / p_cols)];
  return { px: col / across, py: row / down, wide: wide / across, tall: tall / down };
}

/** Hatches the cells of a code, so that "masked" and "not a number" are never mistaken for a colour of the scale. */
function hatch(view, context, code, codes) {
  if (!view.has[code]) return;
  const { x, y, width, height } = view.plot;
  const { p_rows, p_cols } = view.data;
  const mask = pixelCanvas(view, "mask", p_cols, p_rows, (out) => {
    for (let i = 0; i < codes.length; i++) if (codes[i] === code) out[i] = 0xff000000;
  });
  const layer = new OffscreenCanvas(Math.ceil(width), Math.ceil(height));
  const pen = contextOf(layer);
  pen.imageSmoothingEnabled = false;
  const { px, py, wide, tall } = part(view);
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
