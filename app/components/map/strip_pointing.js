// Pointing at the strips: the token under the pointer is every panel's, and the value behind a pixel is told.

import { write } from "../shared/dom.js";
import { lock } from "../shared/following.js";
import { hover } from "../shared/hover.js";
import { clamp, short, typedArray } from "../shared/numbers.js";
import { nextNumber } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { tokenAt, tokenIndex } from "../shared/tokens.js";
import { placeAt, positionAt, ROOM } from "./places.js";
import { drawOver, weightsFor } from "./strip_drawing.js";

const PAUSE = 60; // ms that the pointer rests before a value is asked for

export function point(view, event) {
  const position = positionAt(view, event.offsetX);
  const place = placeAt(view, event.offsetY);
  if (position !== view.pointed.index) {
    view.pointed = { index: position, query: null };
    hover(view, position);
    drawOver(view);
  }
  if (!place || position === null) return tell(view, null);
  const row = place.line.rows ? Math.floor(((event.offsetY - place.y) / place.height) * place.line.rows) : 0;
  tell(view, { place, position, row: clamp(row, 0, Math.max(0, place.line.rows - 1)) });
}

export function leave(view) {
  view.pointed = { index: null, query: null };
  hover(view, null);
  tell(view, null);
  drawOver(view);
}

/** Tells the value under the pointer: of a pattern from here, of a strip's pixel by asking for the cell. */
export function tell(view, at) {
  view.told = at;
  view.tip.hidden = at === null;
  if (!at) return;
  const { line, y } = at.place;
  const token = tokenAt(view, at.position);
  view.tip.style.top = `${ROOM.top + y + at.place.height + 4 - view.strips.scrollTop}px`;
  if (line.kind === null) {
    const weight = weightsFor(view)?.[at.position];
    write(view.tip, weight === undefined ? `${line.id}: ${token}` : `head ${view.data.head} reads ${token}: ${short(weight)}`);
    return;
  }
  write(view.tip, `${sayCell(view, at)} · colours ${short(line.low)} to ${short(line.high)}`);
  if (line.kind === "logits") return;
  clearTimeout(view.asking);
  const column = Math.floor(at.position / view.data.block);
  view.asking = setTimeout(() => {
    if (view.told !== at || isAnswer(view, at)) return;
    view.send("event", { kind: "cell", id: line.id, row: at.row, column, seq: nextNumber() });
  }, PAUSE);
}

export function isAnswer(view, at) {
  const { cell, block } = view.data;
  return cell?.id === at.place.line.id && cell.row === at.row && cell.column === Math.floor(at.position / block);
}

function sayCell(view, at) {
  const { line } = at.place;
  const token = tokenAt(view, at.position);
  if (line.kind === "logits") {
    const at_ = at.row * view.data.T + at.position;
    return `logit of ${visible(view.data.likely[at.row])} after ${token}: ${short(typedArray(view.data.logits)[at_])}`;
  }
  if (!isAnswer(view, at)) return `${line.label} of ${token}`;
  const { channel, position, value, of } = view.data.cell;
  const which = of > 1 ? ` (farthest from 0 of ${of})` : "";
  return `${line.label} of ${tokenAt(view, position)}, channel ${channel}: ${short(value)}${which}`;
}

export function lockAt(view, event) {
  const position = positionAt(view, event.offsetX);
  if (position === null) return;
  const token = tokenIndex(view, position);
  lock(view, view.data.locked && position === view.data.position ? null : token);
}
