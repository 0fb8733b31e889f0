// The colours of the style sheet, as pixels.

import { nodes, data } from "./state.js";
import { clamp } from "./numbers.js";

const kept = new Map(); // what was read of the style sheet, until the theme changes
const SEQUENTIAL = new Set(["pattern", "pattern after dropout", "probabilities"]);
export const LEVELS = 255;

export function forgetColours() {
  kept.clear();
}

/** A custom property of the style sheet. */
export function property(name) {
  if (!kept.has(name)) kept.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return kept.get(name);
}

/** A colour as a pixel. */
export function pixel(name) {
  return pack(channels(property(name)));
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** @param {number[]} colour - red, green, blue */
function pack([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** A ramp as pixels, from its low to its high end. */
export function rampOf(name) {
  const key = `ramp ${name}`;
  if (!kept.has(key)) {
    const stops = property(name).split(",").map((stop) => channels(stop.trim()));
    kept.set(key, Uint32Array.from({ length: LEVELS }, (_, i) => {
      const at = (i / (LEVELS - 1)) * (stops.length - 1);
      const low = Math.min(stops.length - 2, Math.floor(at));
      return pack(stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low))));
    }));
  }
  return kept.get(key);
}

/**
 * How the numbers of a tensor are coloured: from 0 to `high`, or about 0 as far as `high`. Sizes go by their square roots,
 * so that small ones can be seen beside large ones.
 * @param {string} name
 */
export function scaleOf(name) {
  const { role, scale } = nodes.get(name);
  const high = data.scales[scale];
  if (SEQUENTIAL.has(role)) return { ramp: "--sequential", low: 0, high: 1 };
  if (role === "loss") return { ramp: "--sequential", low: 0, high };
  return { ramp: "--diverging", low: -high, high };
}

/**
 * Returns what gives each number its pixel.
 * @param {string} name
 */
export function colouring(name) {
  const { ramp, low, high } = scaleOf(name);
  const table = rampOf(ramp);
  const [masked, unknown] = [pixel("--masked"), pixel("--unknown")];
  return (value) => {
    if (Number.isNaN(value)) return unknown;
    if (value === -Infinity) return masked;
    const root = Math.sign(value) * Math.sqrt(clamp(Math.abs(value) / high, 0, 1));
    return table[Math.round((low === 0 ? Math.max(0, root) : 0.5 + 0.5 * root) * (LEVELS - 1))];
  };
}
