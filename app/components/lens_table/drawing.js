// A lens' table on its canvases: the cells in sight with their tokens, and the frames of those that are chosen.

import { fitCanvas } from "../shared/canvas.js";
import { packed, property, ramp } from "../shared/colours.js";
import { clamp } from "../shared/numbers.js";
import { css, isLight } from "../shared/tones.js";
import { visible } from "../shared/text.js";
import { behind } from "../shared/tokens.js";
import { widthOf } from "../shared/measure.js";

export const HEAD = 28; // px of the line of tokens
const [LOW, HIGH, TABLE] = [27, 42, 330]; // px of a row at least and at most, and of all rows, where they are few
export const LEVELS = 255;
export const UNKNOWN = 255;
const [NARROW, USUAL, WIDE] = [34, 92, 150]; // px of a column at least, for usual words at most, and where there is room
const PAD = 6; // px beside a token

/**
 * Returns the height of a row.
 * @param {number} rows
 */
export function rowHeight(rows) {
  return clamp(Math.floor(TABLE / rows), LOW, HIGH);
}

/** The fonts of the page: measured and drawn alike. */
function fontsOf(view) {
  const mono = property(view, "--gs-mono") || "monospace";
  return { cell: `500 12.5px ${mono}`, head: `500 13px ${mono}`, strong: `700 13px ${mono}` };
}

/**
 * Returns the width of a column: as the longest token needs it, and more where all columns have room.
 * @param {View} view
 * @param {number} room - px for all columns
 */
export function columnWidth(view, room) {
  const { tokens, words, count } = view.data;
  const { ids } = view.numbers;
  const { cell, head } = fontsOf(view);
  let longest = NARROW;
  for (const at of tokens.keys()) longest = Math.max(longest, widthOf(head, visible(tokens[at]) + behind(tokens, at)) + 2 * PAD);
  const seen = new Set();
  for (let at = 0; at < ids.length && longest < USUAL; at += count) {
    if (ids[at] < 0 || seen.has(ids[at])) continue;
    seen.add(ids[at]);
    longest = Math.max(longest, widthOf(cell, visible(words[ids[at]])) + 2 * PAD);
  }
  const needed = Math.min(USUAL, Math.ceil(longest));
  const seenAtOnce = clamp(Math.floor(room / needed), 1, tokens.length); // whole ones: no column in sight is cut
  return Math.max(needed, Math.min(WIDE, Math.floor(room / seenAtOnce)));
}

/** A text as far as it fits into a column, with all of what stands behind it. */
function fitting(font, text, width, end = "") {
  if (widthOf(font, text + end) <= width) return text + end;
  const letter = widthOf(font, "m"); // all are as wide
  return `${text.slice(0, Math.max(1, Math.floor(width / letter) - 1 - end.length))}…${end}`;
}

/** The first and the last column in sight. */
function inSight(view) {
  const last = view.data.tokens.length - 1;
  const { left, width } = view.sight;
  return [clamp(Math.floor(left / view.wide), 0, last), clamp(Math.floor((left + width - 1) / view.wide), 0, last)];
}

/**
 * Draws the cells in sight.
 * @param {View} view
 */
export function drawCells(view) {
  const { tokens, depths, words, count, position } = view.data;
  const { ids } = view.numbers;
  const { left, width } = view.sight;
  const levels = view.levels;
  const pen = fitCanvas(view.base, width, HEAD + view.tall * depths.length);
  const table = ramp(view, "--gs-sequential", LEVELS);
  const [text, soft, none] = [property(view, "--gs-text"), property(view, "--gs-chosen"), css(packed(view, "--gs-masked"))];
  const fonts = fontsOf(view);
  const room = view.wide - 2 * PAD;
  const [first, last] = inSight(view);
  pen.textBaseline = "middle";
  for (let at = first; at <= last; at += 1) {
    const x = at * view.wide - left;
    const font = at === position ? fonts.strong : fonts.head;
    pen.font = font;
    pen.fillStyle = text;
    pen.fillText(fitting(font, visible(tokens[at]), room, behind(tokens, at)), x + PAD, HEAD / 2);
    if (at === position) {
      pen.fillStyle = soft;
      pen.fillRect(x, HEAD - 3, view.wide - 1, 2);
    }
  }
  pen.font = fonts.cell;
  for (let row = 0; row < depths.length; row += 1) {
    const y = HEAD + row * view.tall;
    for (let at = first; at <= last; at += 1) {
      const x = at * view.wide - left;
      const place = row * tokens.length + at;
      const level = levels[place];
      const best = ids[place * count];
      pen.fillStyle = level === UNKNOWN ? none : css(table[level]);
      pen.fillRect(x, y, view.wide - 1, view.tall - 1);
      pen.fillStyle = isLight(level === UNKNOWN ? packed(view, "--gs-masked") : table[level]) ? "#000000" : "#ffffff";
      pen.fillText(best < 0 ? "–" : fitting(fonts.cell, visible(words[best]), room), x + PAD, y + view.tall / 2);
    }
  }
}

/**
 * Puts the frames on the cell that is chosen and on the one that is pointed at. They are elements that only move: to draw
 * them on a canvas would have all of it painted at each move of the pointer.
 * @param {View} view
 */
export function drawFrames(view) {
  const { width, left } = view.sight;
  const size = `width: ${width}px; height: ${HEAD + view.tall * view.data.depths.length}px;`;
  if (view.over.style.cssText !== size) view.over.style.cssText = size;
  const cell = `${view.wide - 1} ${view.tall - 1}`;
  for (const [frame, place] of [[view.kept, view.chosen], [view.pointed, view.at]]) {
    frame.hidden = !place;
    if (!place) continue;
    if (frame.dataset.cell !== cell) {
      frame.dataset.cell = cell;
      [frame.style.width, frame.style.height] = cell.split(" ").map((side) => `${side}px`);
    }
    frame.style.transform = `translate(${place.position * view.wide - left}px, ${HEAD + place.row * view.tall}px)`;
  }
}
