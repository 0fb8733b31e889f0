// From values to colours: one pixel per cell or block, and hatches over what is no number.

import { contextOf, pixelCanvas } from "../shared/canvas.js";
import { packed, property, ramp } from "../shared/colours.js";
import { clamp } from "../shared/numbers.js";

const CODE = { masked: 0, nan: 1, first: 2 }; // what pixels mean; see heatmap.py

/** One pixel per cell (or block), in colour. */
export function paintPixels(view) {
  const { p_rows, p_cols, vmin, vmax, scale, gamma } = view.data;
  const table = ramp(view, `--gs-${scale}`, 254, scale === "sequential" ? gamma : 1);
  const codes = view.codes ?? codesOf(view.values, vmin, vmax);
  const special = [packed(view, "--gs-masked"), packed(view, "--gs-nan")];
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

export function hatchAll(view, context, codes) {
  hatch(view, context, CODE.masked, codes);
  hatch(view, context, CODE.nan, codes);
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
  pen.drawImage(mask, 0, 0, width, height);
  pen.globalCompositeOperation = "source-in";
  pen.strokeStyle = property(view, "--st-background-color");
  pen.lineWidth = 1;
  pen.beginPath(); // one path: with "source-in", each stroke would wipe out the one before
  for (let at = -height; at < width + height; at += 6) {
    pen.moveTo(at, code === CODE.masked ? height : 0);
    pen.lineTo(at + height, code === CODE.masked ? 0 : height);
  }
  pen.stroke();
  context.drawImage(layer, x, y);
}
