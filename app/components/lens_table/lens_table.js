// A lens over all positions: a row for each depth, a column for each token. It is drawn on canvases of the size of what is
// in sight: as elements, a cell each, a move of the pointer or of the table would cost many times as much.

import { ramp } from "../shared/colours.js";
import { el, put, write } from "../shared/dom.js";
import { clamp, typedArray } from "../shared/numbers.js";
import { segments } from "../shared/segments.js";
import { onResize, spaceOf } from "../shared/size.js";
import { report } from "../shared/sending.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { columnWidth, drawCells, drawFrames, HEAD, LEVELS, rowHeight } from "./drawing.js";
import { inWords, newTold, tell } from "./told.js";

/** @type {Record<string, [number, number]>} */
const STEPS = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  PageDown: [0, 10],
  PageUp: [0, -10],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

function build(root, view) {
  root.classList.add("card");
  view.depths = el("div", { class: "depths", "aria-hidden": "true" });
  view.base = el("canvas", { "aria-hidden": "true" });
  [view.kept, view.pointed] = ["kept", "pointed"].map((word) => el("i", { class: `frame ${word}`, hidden: true }));
  view.over = el("div", { class: "over", tabindex: 0, role: "application" }, view.kept, view.pointed);
  view.window = el("div", { class: "window" }, view.base, view.over);
  view.inner = el("div", { class: "inner" }, view.window);
  view.scroller = el("div", { class: "scroller scroll" }, view.inner);
  view.ramp = el("canvas", { class: "ramp", width: LEVELS, height: 1, "aria-hidden": "true" });
  [view.low, view.high] = [0, 1].map(() => el("span", { class: "number" }));
  view.meaning = el("span", { class: "meaning" });
  view.heard = el("p", { class: "heard", role: "status" });
  view.colours = el("span", { class: "colours" });
  view.told = newTold(view, () => report(view, { ...shown(view), origin: view.data.origin }));
  const legend = el("span", { class: "legend soft" }, view.meaning, view.low, view.ramp, view.high);
  [view.earlier, view.later] = ["earlier", "later"].map((side, i) => el("button", { type: "button", class: `quiet ${side}`, onclick: () => page(view, 2 * i - 1) }));
  view.ends = el("div", { class: "ends" }, view.earlier, view.later);
  const table = el("div", {}, view.ends, el("div", { class: "table" }, view.depths, view.scroller));
  root.append(el("header", {}, el("h2", {}, "Colour"), view.colours, legend), el("div", { class: "beside" }, table, view.told), view.heard);
  view.scroller.addEventListener("scroll", () => requestAnimationFrame(() => look(view)), { passive: true });
  view.over.addEventListener("pointermove", (event) => pointAt(view, cellAt(view, event)));
  view.over.addEventListener("pointerleave", () => pointAt(view, null));
  view.over.addEventListener("click", (event) => choose(view, cellAt(view, event)));
  view.over.addEventListener("keydown", (event) => pressed(view, event));
  view.over.addEventListener("focus", () => view.over.matches(":focus-visible") && pointAt(view, shown(view)));
  view.over.addEventListener("blur", () => pointAt(view, null));
  view.redraw = () => drawAll(view);
  onResize(view, view.scroller, () => drawAll(view));
}

// ---- pointing ----------------------------------------------------------------------------------------------------

function cellAt(view, event) {
  const { depths, tokens } = view.data;
  const row = Math.floor((event.offsetY - HEAD) / view.tall);
  const position = Math.floor((event.offsetX + view.sight.left) / view.wide);
  return row >= 0 && row < depths.length && position < tokens.length ? { row, position } : null;
}

const same = (one, other) => one?.row === other?.row && one?.position === other?.position;

/** The cell that stands beside the table. */
function shown(view) {
  return view.at ?? view.chosen;
}

/** Tells of a cell; of none, of the one that is chosen. */
function pointAt(view, place) {
  if (same(view.at, place)) return;
  view.at = place;
  drawFrames(view);
  tell(view, shown(view));
}

function choose(view, place) {
  if (!place) return;
  view.chosen = place;
  report(view, { cell: [place.row, place.position], origin: view.data.origin });
  drawFrames(view);
  tell(view, place);
  name(view);
}

function pressed(view, event) {
  if (event.key === "Enter" || event.key === " ") choose(view, shown(view));
  else if (event.key in STEPS) {
    const [down, right] = STEPS[event.key];
    const { depths, tokens } = view.data;
    const from = shown(view);
    const row = clamp(from.row + down, 0, depths.length - 1);
    const position = clamp(from.position + right, 0, tokens.length - 1);
    bring(view, position);
    pointAt(view, { row, position });
    name(view);
    write(view.heard, inWords(view, view.at));
  } else return;
  event.preventDefault();
}

/** Says what the table is and where the keyboard stands in it. */
function name(view) {
  put(view.over, "aria-label", `The likeliest next token at each depth and position; arrows move. ${inWords(view, shown(view))}`);
}

/** Scrolls as far as a column needs to be in sight. */
function bring(view, position) {
  const { scroller, wide } = view;
  const [left, right] = [position * wide, (position + 1) * wide];
  const before = scroller.scrollLeft;
  if (left < before) scroller.scrollLeft = left;
  else if (right > before + view.sight.width) scroller.scrollLeft = right - view.sight.width;
  if (scroller.scrollLeft !== before) look(view);
}

/** Shows the tokens beside those in sight. */
function page(view, way) {
  view.scroller.scrollLeft += way * Math.max(view.wide, Math.floor(view.sight.width / view.wide - 1) * view.wide);
  look(view);
}

// ---- drawing -----------------------------------------------------------------------------------------------------

/** Tells how many tokens are out of sight at each side. */
function tellEnds(view) {
  const { left, width } = view.sight;
  const count = view.data.tokens.length;
  const before = Math.ceil((left - 1) / view.wide);
  const behind = count - Math.floor((left + width + 1) / view.wide);
  view.ends.hidden = width >= count * view.wide;
  write(view.earlier, before > 0 ? `‹ ${before} earlier` : "‹");
  write(view.later, behind > 0 ? `${behind} later ›` : "›");
  put(view.earlier, "aria-label", `Earlier tokens: ${Math.max(0, before)} out of sight`);
  put(view.later, "aria-label", `Later tokens: ${Math.max(0, behind)} out of sight`);
  view.earlier.disabled = before <= 0;
  view.later.disabled = behind <= 0;
}

/** Draws what is in sight now. */
function look(view) {
  const left = view.scroller.scrollLeft;
  if (view.sight.left === left) return;
  view.sight.left = left;
  tellEnds(view);
  drawCells(view);
  drawFrames(view);
}

function drawDepths(view) {
  const { depths } = view.data;
  view.tall = rowHeight(depths.length);
  view.scroller.dataset.tall = String(view.tall);
  view.root.style.setProperty("--tall", `${view.tall}px`);
  view.inner.style.height = `${HEAD + view.tall * depths.length}px`;
  const words = depths.map((depth, row) => el("div", { class: "depth" }, row === 0 ? "embed" : `block ${depth}`));
  view.depths.replaceChildren(el("div", { class: "head" }), ...words);
}

function drawScale(view) {
  const image = new ImageData(LEVELS, 1);
  new Uint32Array(image.data.buffer).set(ramp(view, "--gs-sequential", LEVELS));
  view.ramp.getContext("2d").putImageData(image, 0, 0);
  const { meaning, ends } = view.data.colours[view.colour];
  write(view.meaning, meaning);
  write(view.low, ends[0]);
  write(view.high, ends[1]);
}

function drawAll(view) {
  const { tokens } = view.data;
  if (!view.numbers) return;
  const room = spaceOf(view, view.scroller).width || 1000;
  view.wide = columnWidth(view, room);
  view.inner.style.width = `${tokens.length * view.wide}px`;
  view.scroller.dataset.wide = String(view.wide);
  view.sight = { left: view.scroller.scrollLeft, width: Math.min(room, tokens.length * view.wide) };
  view.window.style.width = `${view.sight.width}px`;
  tellEnds(view);
  view.levels = view.numbers[`levels_${view.colour}`];
  drawCells(view);
  drawFrames(view);
  drawScale(view);
  tell(view, shown(view));
}

/** Colours are all here: another one is drawn at once, and told for the link. */
function recolour(view, colour) {
  view.colour = colour;
  drawAll(view);
  report(view, { colour, origin: view.data.origin });
}

/**
 * The cell that is chosen stays while the prompt does. A table that comes has the one of its link; another prompt has the
 * output at the position that is followed.
 */
function keepPlace(view) {
  const { tokens, depths, position, text, chosen } = view.data;
  const stays = view.chosen && view.text === text && view.followed === position && view.chosen.row < depths.length;
  Object.assign(view, { text, followed: position });
  if (stays) return;
  view.at = null;
  view.chosen = chosen ? { row: chosen[0], position: chosen[1] } : { row: depths.length - 1, position };
  view.fresh = tokens.length > 0;
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  if (view.drawn !== data) {
    view.drawn = data;
    const names = Object.keys(data).filter((each) => each.startsWith("levels_"));
    names.push("ids", "shares", "probabilities", "ranks", "entropies");
    view.numbers = Object.fromEntries(names.map((each) => [each, typedArray(data[each])]));
    if (!view.choice) {
      view.choice = segments("Colour", Object.fromEntries(Object.entries(data.colours).map(([each, { word }]) => [each, word])), (colour) => recolour(view, colour));
      view.colours.append(view.choice.node);
    }
    view.colour = data.colour;
    view.choice.choose(data.colour);
    drawDepths(view);
    keepPlace(view);
    drawAll(view);
    if (view.fresh) bring(view, data.position);
    view.fresh = false;
    name(view);
  }
  painted(view, "lens_table");
  return cleanup(component);
}
