// Pointing at the strips: the token under the pointer is every panel's, and the value behind a pixel is told.

import { write } from "../shared/dom.js";
import { lock } from "../shared/following.js";
import { hover } from "../shared/hover.js";
import { clamp, short, typedArray } from "../shared/numbers.js";
import { nextNumber, report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { tokenAt, tokenIndex } from "../shared/tokens.js";
import { placeAt, positionAt, ROOM } from "./places.js";
import { drawOver, weightsFor } from "./strip_drawing.js";

const WHY = " · double-click: why?";
const PAUSE = 60; // ms that the pointer rests before a value is asked for

/** The line, the row of its pixels and the position under the pointer; null where there is no strip. */
function spotAt(view, { offsetX, offsetY }) {
  const position = positionAt(view, offsetX);
  const place = placeAt(view, offsetY);
  if (!place || position === null) return null;
  const row = place.line.rows ? Math.floor(((offsetY - place.y) / place.height) * place.line.rows) : 0;
  return { place, position, row: clamp(row, 0, Math.max(0, place.line.rows - 1)) };
}

export function point(view, event) {
  const position = positionAt(view, event.offsetX);
  if (position !== view.pointed.index) {
    view.pointed = { index: position, query: null };
    hover(view, position);
    drawOver(view);
  }
  tell(view, spotAt(view, event));
}

export function leave(view) {
  view.pointed = { index: null, query: null };
  hover(view, null);
  tell(view, null);
  drawOver(view);
}

/** Writes the tip below a place of the sheet, or above it where there is no room below. */
export function writeTip(view, { y, height }, text) {
  write(view.tip, text);
  const [tall, below] = [view.tip.offsetHeight, y + height + 4];
  view.tip.style.top = `${ROOM.top + (below + tall <= view.plan.height ? below : y - tall - 4)}px`;
}

/** Tells the value under the pointer: of a pattern from here, of a strip's pixel by asking for the cell. */
export function tell(view, at) {
  view.told = at;
  view.tip.hidden = at === null;
  if (!at) return;
  const { line } = at.place;
  const token = tokenAt(view, at.position);
  if (line.kind === null) {
    const weight = weightsFor(view)?.[at.position];
    writeTip(view, at.place, weight === undefined ? `${line.id}: ${token}` : `head ${view.data.head} reads ${token}: ${short(weight)}${WHY}`);
    return;
  }
  writeTip(view, at.place, `${sayCell(view, at)} · colours ${short(line.low)} to ${short(line.high)}${WHY}`);
  if (line.kind === "logits") return;
  clearTimeout(view.asking);
  const column = Math.floor(at.position / view.data.block);
  view.asking = setTimeout(() => {
    if (view.told !== at || isAnswer(view, at)) return;
    view.send("event", { kind: "cell", id: line.id, row: at.row, column, seq: nextNumber() });
  }, PAUSE);
}

/** Asks for the number that the first click was on: since then its answer may have brought the arcs of another token. */
function explain(view) {
  const { spot, followed, lock: before } = view.clicked;
  if (!spot) return;
  const { line } = spot.place;
  lock(view, line.kind === null ? before : tokenIndex(view, spot.position));
  report(view, { kind: "why", id: line.id, row: spot.row, position: spot.position, followed, text: view.data.text });
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

/** A click follows the token of a column, or lets it go; a second one at once asks where the number there comes from. */
export function lockAt(view, event) {
  const position = positionAt(view, event.offsetX);
  if (position === null) return;
  if (event.detail > 1) return event.detail === 2 ? explain(view) : undefined;
  const { locked, position: followed } = view.data;
  view.clicked = { spot: spotAt(view, event), followed, lock: locked ? tokenIndex(view, followed) : null };
  const token = tokenIndex(view, position);
  lock(view, view.data.locked && position === view.data.position ? null : token);
}
