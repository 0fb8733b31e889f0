// A lens over all positions: a row for each depth, a column for each token. Only the columns in sight are in the page.

import { ramp } from "../shared/colours.js";
import { el, write } from "../shared/dom.js";
import { clamp, typedArray } from "../shared/numbers.js";
import { onResize, spaceOf } from "../shared/size.js";
import { report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { fill } from "../shared/tones.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { tell } from "./told.js";

const WIDE = 92; // px of a column
const BEYOND = 3; // columns that are drawn on either side of those in sight
const LEVELS = 255;
const UNKNOWN = 255;
/** @type {Record<string, [number, number]>} */
const STEPS = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

function build(root, view) {
  view.columns = new Map(); // position -> its element
  view.depths = el("div", { class: "depths", "aria-hidden": "true" });
  view.inner = el("div", { class: "inner", role: "group", "aria-label": "The likeliest next token at each depth and position" });
  view.scroller = el("div", { class: "scroller scroll" }, view.inner);
  view.ramp = el("canvas", { class: "ramp", width: LEVELS, height: 1, "aria-hidden": "true" });
  [view.low, view.high] = [0, 1].map(() => el("span", { class: "number" }));
  view.colour = el("span");
  view.told = el("div", { class: "told" });
  const legend = el("div", { class: "legend soft" }, view.colour, view.low, view.ramp, view.high);
  root.append(legend, el("div", { class: "beside" }, el("div", { class: "table" }, view.depths, view.scroller), view.told));
  view.scroller.addEventListener("scroll", () => requestAnimationFrame(() => drawColumns(view)), { passive: true });
  view.inner.addEventListener("pointerover", (event) => lookAt(view, placeOf(event.target)));
  view.inner.addEventListener("focusin", (event) => lookAt(view, placeOf(event.target)));
  view.inner.addEventListener("click", (event) => {
    const place = placeOf(event.target);
    if (place) report(view, { ...place, origin: view.data.origin });
  });
  view.inner.addEventListener("keydown", (event) => move(view, event));
  view.redraw = () => drawAll(view);
  onResize(view, view.scroller, () => drawColumns(view));
}

function placeOf(target) {
  const cell = target.closest("button.cell");
  return cell && { row: Number(cell.dataset.row), position: Number(cell.dataset.position) };
}

/** Tells of a cell, beside the table. */
function lookAt(view, place) {
  if (!place) return;
  view.at = place;
  tell(view, place);
}

function move(view, event) {
  const step = STEPS[event.key];
  const from = placeOf(event.target);
  if (!step || !from) return;
  event.preventDefault();
  const { depths, tokens } = view.data;
  const row = clamp(from.row + step[0], 0, depths.length - 1);
  const position = clamp(from.position + step[1], 0, tokens.length - 1);
  bring(view, position);
  drawColumns(view);
  stopAt(view, { row, position });
  cellAt(view, view.stop)?.focus({ preventScroll: true });
}

/** Scrolls as far as a column needs to be in sight. */
function bring(view, position) {
  const { scroller } = view;
  const [left, right] = [position * WIDE, (position + 1) * WIDE];
  if (left < scroller.scrollLeft) scroller.scrollLeft = left;
  else if (right > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = right - scroller.clientWidth;
}

function cellAt(view, { row, position }) {
  return view.columns.get(position)?.querySelector(`[data-row="${row}"]`);
}

/** Makes one cell the table's stop of the Tab key. */
function stopAt(view, place) {
  const before = view.stop && cellAt(view, view.stop);
  if (before) before.tabIndex = -1;
  view.stop = place;
  const cell = cellAt(view, place);
  if (cell) cell.tabIndex = 0;
}

// ---- drawing -----------------------------------------------------------------------------------------------------

function newColumn(view, position) {
  const { tokens, depths, words, count, position: followed } = view.data;
  const { ids, levels, shares } = view.numbers;
  const head = el("div", { class: "head", title: `${position}: ${visible(tokens[position])}` }, visible(tokens[position]));
  const cells = depths.map((depth, row) => {
    const at = row * tokens.length + position;
    const best = ids[at * count];
    const says = best < 0 ? "–" : visible(words[best]);
    const cell = el(
      "button",
      {
        type: "button",
        class: "cell",
        tabindex: -1,
        "data-row": row,
        "data-position": position,
        "data-level": levels[at],
        "data-word": best < 0 ? null : words[best],
        "data-probability": best < 0 ? null : shares[at * count],
        "aria-label": `depth ${depth}, after ${visible(tokens[position])}: ${says}`,
      },
      says,
    );
    if (levels[at] !== UNKNOWN) fill(cell, ramp(view, "--gs-sequential", LEVELS)[levels[at]]);
    return cell;
  });
  const column = el("div", { class: position === followed ? "column followed" : "column" }, head, ...cells);
  column.style.left = `${position * WIDE}px`;
  return column;
}

/** Brings the columns in sight into the page, and takes the others out of it; the one with the focus stays. */
function drawColumns(view) {
  if (!view.numbers) return;
  const { scroller, inner, columns } = view;
  const { tokens } = view.data;
  const first = clamp(Math.floor(scroller.scrollLeft / WIDE) - BEYOND, 0, tokens.length - 1);
  const wide = spaceOf(view, scroller).width || 1200;
  const last = clamp(Math.ceil((scroller.scrollLeft + wide) / WIDE) + BEYOND, 0, tokens.length - 1);
  for (const [position, column] of columns) {
    if ((position >= first && position <= last) || position === view.stop?.position) continue;
    column.remove();
    columns.delete(position);
  }
  for (let position = first; position <= last; position += 1) {
    if (columns.has(position)) continue;
    const column = newColumn(view, position);
    columns.set(position, column);
    inner.append(column);
  }
  if (view.stop) stopAt(view, view.stop);
}

function drawScale(view) {
  const image = new ImageData(LEVELS, 1);
  new Uint32Array(image.data.buffer).set(ramp(view, "--gs-sequential", LEVELS));
  view.ramp.getContext("2d").putImageData(image, 0, 0);
  write(view.colour, view.data.colour);
  write(view.low, view.data.ends[0]);
  write(view.high, view.data.ends[1]);
}

function drawAll(view) {
  const { tokens, depths, position } = view.data;
  view.depths.replaceChildren(el("div", { class: "head" }), ...depths.map((depth) => el("div", { class: "depth number" }, depth)));
  for (const column of view.columns.values()) column.remove();
  view.columns.clear();
  view.inner.style.width = `${tokens.length * WIDE}px`;
  view.inner.style.setProperty("--rows", String(depths.length));
  const last = { row: depths.length - 1, position };
  const stays = view.stop && view.stop.position < tokens.length && view.stop.row < depths.length && view.text === view.data.text;
  if (!stays) {
    view.stop = last;
    bring(view, position);
  }
  view.text = view.data.text;
  drawColumns(view);
  drawScale(view);
  tell(view, stays && view.at ? view.at : last);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  if (view.drawn !== data) {
    view.drawn = data;
    const names = ["ids", "shares", "levels", "probabilities", "ranks", "entropies"];
    view.numbers = Object.fromEntries(names.map((name) => [name, typedArray(data[name])]));
    drawAll(view);
  }
  painted(view, "lens_table");
  return cleanup(component);
}
