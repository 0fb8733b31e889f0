// How many changes of the run are on: who tells a number of the model as it is has to say so.

import { listen } from "./view.js";

let count = 0;

/** Returns true while the numbers on the page are of a changed run. */
export function isChanged() {
  return count > 0;
}

/** @param {number} now */
export function tellChanges(now) {
  if (now === count) return;
  count = now;
  window.dispatchEvent(new Event("gptscope:changes"));
}

/**
 * Calls `show` when changes come or go.
 * @param {View} view
 * @param {() => void} show
 */
export function onChanges(view, show) {
  listen(view, "gptscope:changes", show);
}
