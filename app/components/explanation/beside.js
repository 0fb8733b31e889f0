// The place of the card: beside the cell that it explains, on the side that has more room, or above or below it.

import { pinnedPlace } from "../shared/pinned.js";

const GAP = 10; // px between the cell and the card
const TOP = 36; // px of the line of tools above the plot
const WIDEST = 380;
const NARROWEST = 240; // px that its words need
const LEAST = 190; // px of height that are worth to be read in

/**
 * Returns the place of a card in an area, all in px from the area's corner. It covers no part of the cell, as long as
 * there is room at any of its sides: a cell may be as large as the area.
 * @param {{ width: number, height: number }} area
 * @param {{ left: number, top: number, right: number, bottom: number } | null} cell
 */
export function placeBeside({ width, height }, cell) {
  const whole = { left: Math.max(0, width - WIDEST), top: TOP, width: Math.min(WIDEST, width), height: height - TOP };
  if (!cell) return whole;
  const [before, after] = [cell.left - GAP, width - cell.right - GAP];
  const room = Math.min(WIDEST, Math.max(before, after));
  if (room >= NARROWEST) return { ...whole, width: room, left: after >= before ? width - room : Math.max(0, cell.left - GAP - room) };
  const [above, below] = [cell.top - GAP - TOP, height - cell.bottom - GAP];
  if (Math.max(above, below) < LEAST) return whole;
  return above > below ? { ...whole, height: above } : { ...whole, top: cell.bottom + GAP, height: below };
}

/** Puts the card into its place. */
export function keepBeside({ root }) {
  const area = root.getRootNode().host?.getBoundingClientRect();
  if (!area || area.width === 0) return;
  const at = pinnedPlace();
  const cell = at && { left: at.left - area.left, top: at.top - area.top, right: at.right - area.left, bottom: at.bottom - area.top };
  const { left, top, width, height } = placeBeside(area, cell);
  Object.assign(root.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, maxHeight: `${height}px` });
}
