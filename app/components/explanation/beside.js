// The place of the card: beside the cell that it explains, on the side that has more room, or above or below it. Of cards
// that follow each other, each stays on the side of the one before it, as long as there is room.

import { pinnedPlace } from "../shared/pinned.js";

const GAP = 10; // px between the cell and the card
const TOP = 36; // px of the line of tools above the plot
const WIDEST = 340; // px, so that much of the plot stays in sight
const NARROWEST = 240; // px that its words need
const LEAST = 190; // px of height that are worth to be read in

/** Returns the side of the card before, where it has room enough, or the one that has most; null where none has enough. */
function sideOf(rooms, least, before) {
  if (rooms[before] >= least) return before;
  const [[side, room]] = Object.entries(rooms).sort(([, one], [, other]) => other - one);
  return room >= least ? side : null;
}

/**
 * Returns the place of a card in an area, all in px from the area's corner. It covers no part of the cell, as long as
 * there is room at any of its sides: a cell may be as large as the area.
 * @param {{ width: number, height: number }} area
 * @param {{ left: number, top: number, right: number, bottom: number } | null} cell
 * @param {{ left: number, side: string | null }} [before] - of the card before it
 */
export function placeBeside({ width, height }, cell, before = { left: width, side: null }) {
  const side = before.side;
  const whole = { left: Math.max(0, width - WIDEST), top: TOP, width: Math.min(WIDEST, width), height: height - TOP, side };
  if (!cell) return side === "left" ? { ...whole, left: Math.min(before.left, whole.left) } : whole; // it may come yet
  const sideways = { right: width - cell.right - GAP, left: cell.left - GAP };
  const beside = sideOf(sideways, NARROWEST, side);
  if (beside) {
    const room = Math.min(WIDEST, sideways[beside]);
    const left = beside === "right" ? width - room : Math.max(0, Math.min(side === "left" ? before.left : width, cell.left - GAP - room));
    return { ...whole, left, width: room, side: beside };
  }
  const upright = { below: height - cell.bottom - GAP, above: cell.top - GAP - TOP };
  const over = sideOf(upright, LEAST, side);
  if (over === "above") return { ...whole, height: upright.above, side: over };
  return over ? { ...whole, top: cell.bottom + GAP, height: upright.below, side: over } : whole;
}

/** Puts the card into its place. */
export function keepBeside(view) {
  const { root } = view;
  const area = root.getRootNode().host?.getBoundingClientRect();
  if (!area || area.width === 0) return;
  const at = pinnedPlace();
  const cell = at && { left: at.left - area.left, top: at.top - area.top, right: at.right - area.left, bottom: at.bottom - area.top };
  const { left, top, width, height } = (view.stands = placeBeside(area, cell, view.stands));
  Object.assign(root.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, maxHeight: `${height}px` });
}
