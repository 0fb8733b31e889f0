// Where a stop of the slider stands in the strip, open or closed: always at the same place, so that a pointer that
// opens the strip and drags on stays where it was.

export const LEFT = 98; // px for the axes, or the strip's name
export const RIGHT = 118; // px for the names of the curves

/** How far the slider stands from both ends, so that the middle of its thumb (14 px) meets the stops. */
export const [BEFORE, BEHIND] = [LEFT - 7, RIGHT - 7];

/**
 * Returns what gives the place of a stop.
 * @param {number} stops - how many there are
 * @param {number} width
 */
export function places(stops, width) {
  const room = width - LEFT - RIGHT;
  return (/** @type {number} */ index) => LEFT + (index / (stops - 1)) * room;
}

/**
 * Returns the stop nearest to a place.
 * @param {number} at - px from the left of the chart
 */
export function nearest(at, stops, width) {
  const share = (at - LEFT) / (width - LEFT - RIGHT);
  return Math.min(stops - 1, Math.max(0, Math.round(share * (stops - 1))));
}
