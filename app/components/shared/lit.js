// Tensors that are lit: those that one points at, in the code or on the map, and those that an explained number is made of.

import { listen } from "./view.js";

/**
 * A part of a line of the map.
 * @typedef {{line: string, first: number, last: number}} Part
 */

/**
 * Tells all panels which tensors are lit, and why.
 * @param {View} view
 * @param {string[]} ids
 * @param {"lit" | "feeds"} why - "lit": pointed at; "feeds": the explained number is made of them
 * @param {Part[]} parts - the positions of the context that are meant; none for all of them
 */
export function light(view, ids, why = "lit", parts = []) {
  const now = JSON.stringify([ids, parts]);
  if (view.lights === now) return;
  view.lights = now;
  window.dispatchEvent(new CustomEvent("gptscope:light", { detail: { ids, why, parts, source: view } }));
}

/**
 * Calls `show` with the tensors that another panel lights.
 * @param {View} view
 * @param {(ids: string[], why: "lit" | "feeds", parts: Part[]) => void} show
 */
export function onLight(view, show) {
  listen(view, "gptscope:light", ({ detail }) => detail.source !== view && show(detail.ids, detail.why, detail.parts));
}
