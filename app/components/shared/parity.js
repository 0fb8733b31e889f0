// The parity of the prompt on the screen: the badge measures it, and other panels tell it too.

import { listen } from "./view.js";

/** @typedef {{difference: string, kind: string}} Parity */

/** @type {Parity | null} */
let known = null;

/** Returns what was measured on what the page shows; null until then. */
export function parity() {
  return known;
}

/**
 * Takes down what was measured on what the page shows; null when that is another prompt by now, or other weights.
 * @param {Parity | null} found
 */
export function tellParity(found) {
  if (known?.difference === found?.difference && known?.kind === found?.kind) return;
  known = found;
  window.dispatchEvent(new Event("gptscope:parity"));
}

/**
 * Calls `show` when the parity is another.
 * @param {View} view
 * @param {() => void} show
 */
export function onParity(view, show) {
  listen(view, "gptscope:parity", show);
}

/** Has it measured now. */
export function askParity() {
  window.dispatchEvent(new Event("gptscope:measure"));
}
