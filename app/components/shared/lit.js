// Pointing at a tensor: what one panel points at, in the code or on the map, the others light.

import { listen } from "./view.js";

/**
 * Tells all panels that these tensors are pointed at.
 * @param {View} view
 * @param {string[]} ids
 */
export function light(view, ids) {
  const now = ids.join();
  if (view.lights === now) return;
  view.lights = now;
  window.dispatchEvent(new CustomEvent("gptscope:light", { detail: { ids, source: view } }));
}

/**
 * Calls `show` with the tensors that another panel points at.
 * @param {View} view
 * @param {(ids: string[]) => void} show
 */
export function onLight(view, show) {
  listen(view, "gptscope:light", ({ detail }) => detail.source !== view && show(detail.ids));
}
