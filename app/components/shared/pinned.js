// Where the pinned cell stands on the screen: the plot tells it, the card of its number keeps beside it.

import { listen } from "./view.js";

/** @type {DOMRect | null} */
let told = null;

/**
 * Tells where the pinned cell is.
 * @param {DOMRect | null} place - in the window, or null where none is in sight
 */
export function tellPinned(place) {
  if (alike(told, place)) return;
  told = place;
  window.dispatchEvent(new CustomEvent("gptscope:pinned"));
}

/**
 * @param {DOMRect | null} one
 * @param {DOMRect | null} other
 */
function alike(one, other) {
  if (!one || !other) return one === other;
  const apart = [one.x - other.x, one.y - other.y, one.width - other.width, one.height - other.height];
  return apart.every((each) => Math.abs(each) < 0.5);
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
