// Where a stop of the slider stands in the strip, open or closed: always at the same place, so that a pointer that
// opens the strip and drags on stays where it was.

export const LEFT = 98; // px for the axes, or the strip's name
export const RIGHT = 118; // px for the names of the curves

/** How far the slider stands from both ends, so that the middle of its thumb (14 px) meets the stops. */
export const [BEFORE, BEHIND] = [LEFT - 7, RIGHT - 7];

const LEAST = 150; // px of a curve that is worth to be looked at

/**
 * Returns px from both ends of a closed strip. A short one has neither axes nor names to leave room for, and opens over
 * the whole page: no stop of it could stay where it is.
 * @param {number} width
 */
export function closedEnds(width) {
  return width - LEFT - RIGHT < LEAST ? [72, 14] : [LEFT, RIGHT];
}

/**
 * Returns what gives the place of a stop.
 * @param {number} stops - how many there are
 * @param {number} width
 * @param {number[]} ends - px from both ends
 */
export function places(stops, width, [left, right] = [LEFT, RIGHT]) {
  const room = width - left - right;
  return (/** @type {number} */ index) => left + (index / (stops - 1)) * room;
}

/**
 * Returns the stop nearest to a place.
 * @param {number} at - px from the left of the chart
 */
export function nearest(at, stops, width) {
  const share = (at - LEFT) / (width - LEFT - RIGHT);
  return Math.min(stops - 1, Math.max(0, Math.round(share * (stops - 1))));
}
