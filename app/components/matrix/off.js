// What is switched off: its numbers are those that the run still makes, but nothing reads them. They are drawn pale, with a
// word that says so.

import { property } from "../shared/colours.js";
import { widthOf } from "../shared/measure.js";

export const FADED = 0.3; // opacity of what is switched off
const LINE = 24; // px of the word's patch
const EDGE = 6; // px around the word

/**
 * Draws pale, if that is what the words ask for.
 * @param {any} pen
 * @param {string | undefined} words - "" for what is on
 * @param {() => void} act
 */
export function drawnFor(pen, words, act) {
  pen.globalAlpha = words ? FADED : 1;
  act();
  pen.globalAlpha = 1;
}

/**
 * Says what is off in a corner of the plot: of a pattern, where it is masked. Of links, below them.
 * @param {View} view
 * @param {any} pen
 * @param {string | undefined} words
 */
export function sayOff(view, pen, words) {
  if (!words) return;
  const { x, y, width, height } = view.plot;
  const font = `600 13px ${property(view, "--st-font")}`;
  const wide = widthOf(font, words) + 2 * EDGE;
  const links = view.data.plot === "links";
  const left = links ? x + (width - wide) / 2 : x + width - wide - EDGE;
  const top = y + (links ? height : 0) + EDGE;
  pen.fillStyle = property(view, "--st-background-color");
  pen.fillRect(left, top, wide, LINE);
  pen.strokeStyle = property(view, "--gs-frame");
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, wide - 1, LINE - 1);
  pen.font = font;
  pen.fillStyle = property(view, "--st-text-color");
  pen.textAlign = "right"; // in a file, another font may be wider
  pen.textBaseline = "middle";
  pen.fillText(words, left + wide - EDGE, top + LINE / 2);
}
