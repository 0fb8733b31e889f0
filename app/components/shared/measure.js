// Widths of texts on canvases. A canvas that was sized anew has to find its font again, which takes a millisecond: so one
// that is never sized measures for all, and each text once.

import { contextOf } from "./canvas.js";

const MOST = 4000; // texts that are kept
const pen = contextOf(new OffscreenCanvas(1, 1));
const widths = new Map();
let font = "";

/**
 * Returns the width of a text, in px.
 * @param {string} wanted - a CSS font
 * @param {string} text
 * @returns {number}
 */
export function widthOf(wanted, text) {
  const key = `${wanted}\n${text}`;
  let found = widths.get(key);
  if (found === undefined) {
    if (font !== wanted) pen.font = font = wanted;
    found = pen.measureText(text).width;
    if (widths.size >= MOST) widths.clear();
    widths.set(key, found);
  }
  return found;
}
