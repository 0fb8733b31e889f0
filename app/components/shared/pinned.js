// Where the pinned cell stands on the screen: the plot tells it, the card of its number keeps beside it.

import { listen } from "./view.js";

/** @type {DOMRect | null} */
let told = null;

/**
 * Tells where the pinned cell is.
 * @param {DOMRect | null} place - in the window, or null where none is in sight
 */
export function tellPinned(place) {
  const same = told && place && ["x", "y", "width", "height"].every((side) => Math.abs(told[side] - place[side]) < 0.5);
  if (same || told === place) return;
  told = place;
  window.dispatchEvent(new CustomEvent("gptscope:pinned"));
}

/** @returns {DOMRect | null} where it is, in the window */
export function pinnedPlace() {
  return told;
}

/**
 * Calls `move` whenever it is somewhere else.
 * @param {View} view
 * @param {() => void} move
 */
export function onPinned(view, move) {
  listen(view, "gptscope:pinned", move);
}
