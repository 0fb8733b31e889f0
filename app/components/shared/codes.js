// From values to the codes of pixels, as heatmap.py makes them of what is too large to be sent as values.

import { clamp } from "./numbers.js";

/** What the codes mean; from `first` to 255 they are the scale. */
export const CODE = { masked: 0, nan: 1, first: 2 };

/**
 * Returns the code of each value. Of a diverging scale 0 has the middle one, however far both ends are.
 * @param {ArrayLike<number>} values
 * @param {{vmin: number, vmax: number, scale: string, by_row?: boolean, cols?: number}} how
 */
export function codesOf(values, { vmin, vmax, scale, by_row = false, cols = 1 }) {
  const codes = new Uint8Array(values.length);
  const diverging = scale === "diverging";
  let high = vmax;
  for (let i = 0; i < values.length; i++) {
    if (by_row && i % cols === 0) high = largest(values, i, cols) || 1;
    const value = values[i];
    if (Number.isNaN(value)) codes[i] = CODE.nan;
    else if (value === -Infinity) codes[i] = CODE.masked;
    else codes[i] = CODE.first + Math.round(253 * clamp(diverging ? half(value, vmin, vmax) : (value - vmin) / (high - vmin || 1), 0, 1));
  }
  return codes;
}

function half(value, vmin, vmax) {
  return 0.5 + (0.5 * value) / ((value < 0 ? -vmin : vmax) || 1);
}

function largest(values, start, count) {
  let found = 0;
  for (let i = start; i < start + count; i++) if (values[i] > found) found = values[i];
  return found;
}
