// Where each line of the strips stands, and which line and token a place belongs to.

import { clamp } from "../shared/numbers.js";
import { spaceOf } from "../shared/size.js";

export const ROOM = { left: 104, right: 96, gap: 8, top: 32 }; // px beside and above the strips
export const BETWEEN = 3; // px
const HEIGHT = { strip: 1, norm: 0.62, arcs: 2.3 }; // shares of the room
export const LEAST = 24; // px of a line: it is clicked
const MOST = 44; // px of a strip

/** Where each line stands: heights in shares of the room, whole pixels, the same whatever the prompt. */
export function layout(view) {
  const { width, height } = spaceOf(view, view.strips);
  const { lines } = view.data;
  const share = ({ kind }) => (kind === null ? HEIGHT.arcs : kind === "norm" ? HEIGHT.norm : HEIGHT.strip);
  const shares = lines.reduce((sum, line) => sum + share(line), 0);
  const free = height - ROOM.top - lines.length * BETWEEN - 14;
  const unit = clamp(Math.floor(free / shares), LEAST, MOST);
  const rest = view.data.adds?.parts.some(({ kind }) => kind === "remainder"); // it has no strip, and a margin
  let [y, remainder] = [0, 0];
  const places = lines.map((line) => {
    const opens = line.inside && line.block !== null;
    y += opens ? 8 : 0;
    if (rest && line.kind === "logits") [y, remainder] = [y + LEAST + BETWEEN, y];
    const place = { line, y, height: Math.max(LEAST, Math.round(unit * share(line))) };
    y += place.height + BETWEEN;
    if (line.says && line.inside && line.label === "+ MLP") y += 6;
    return place;
  });
  const strip = Math.max(60, width - ROOM.left - ROOM.right - 2 * ROOM.gap);
  return { places, x: ROOM.left, strip, width: width - 4, height: y, remainder };
}

export function columnX(view, position) {
  const { x, strip } = view.plan;
  return x + ((Math.floor(position / view.data.block) + 0.5) / view.data.cols) * strip;
}

export function positionAt(view, offsetX) {
  const { x, strip } = view.plan;
  const { cols, block, T } = view.data;
  const column = Math.floor(((offsetX - x) / strip) * cols);
  return column < 0 || column >= cols ? null : Math.min(T - 1, column * block);
}

export function placeAt(view, offsetY) {
  return view.places.find(({ y, height }) => offsetY >= y && offsetY < y + height) ?? null;
}
