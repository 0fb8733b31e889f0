// Pointing at a position of the prompt: what one panel points at, the others mark.

import { listen } from "./view.js";

/**
 * Tells all panels that position `index` of the context (and, of a pattern, query `query`) is pointed at.
 * @param {View} view
 * @param {number | null} index
 * @param {number | null} query
 */
export function hover(view, index, query = null) {
  window.dispatchEvent(new CustomEvent("gptscope:hover", { detail: { index, query, source: view } }));
}

/**
 * Calls `show` when another panel points at a position, or at none.
 * @param {View} view
 * @param {(at: Pointed) => void} show
 */
export function onHover(view, show) {
  listen(view, "gptscope:hover", ({ detail }) => detail.source !== view && show(detail));
}
