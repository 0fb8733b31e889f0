// The attention patterns of all heads, small; and what the followed token reads in each head of a block.

import { data, here, onChange, position, select, T } from "./state.js";
import { el, token, visible } from "./numbers.js";
import { holds, matrixOf, tokenAt } from "./stores.js";
import { colouring, property } from "./colours.js";
import { fit, pixels } from "./canvas.js";
import { blockFor } from "./strips.js";

const [H] = data.letters.H;
const ROW = 240; // px of a row of heads with its gaps, in the narrowest column
const SIDE = Math.min(40, Math.max(22, Math.floor(ROW / H) - 8)); // px of a picture, without its border and the gap
const patterns = data.nodes.filter(({ role }) => role === "pattern").map(({ id }) => id);

export function drawHeads(root, reads) {
  const grid = el("div", { class: "heads", role: "group", "aria-label": "Attention patterns: a row a block, a column a head" });
  root.append(el("header", {}, el("h2", {}, "all heads"), el("span", { class: "soft" }, "block × head")), grid);
  const made = patterns.flatMap((name, layer) => (holds(name) ? Array.from({ length: H }, (_, head) => thumbnail(name, layer, head)) : [el("span", { class: "gone soft" }, `block ${layer}: not in the file`)]));
  grid.append(...made.map((each) => each.button ?? each));
  grid.style.gridTemplateColumns = `repeat(${H}, ${SIDE + 4}px)`;
  const thumbnails = made.filter(({ button }) => button);
  grid.addEventListener("keydown", (event) => walkHeads(event, thumbnails));
  const draw = (changed) => {
    if (["look", "lock"].some((name) => changed.has(name))) for (const each of thumbnails) drawThumbnail(each);
    if (["selected", "head", "look"].some((name) => changed.has(name))) mark(thumbnails);
    if (["lock", "head", "layer", "look", "selected"].some((name) => changed.has(name))) drawReads(reads);
  };
  onChange(draw);
  draw(new Set(["look"]));
}

function thumbnail(name, layer, head) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const words = `head ${layer}.${head}`;
  return { name, layer, head, canvas, button: el("button", { type: "button", "data-layer": layer, "data-head": head, "aria-label": words, title: words, onclick: () => select(name, head) }, canvas) };
}

/** Each pixel is the largest weight of a block of cells. */
function drawThumbnail(each) {
  const matrix = matrixOf(each.name, each.head);
  const block = blockFor(T, SIDE);
  const size = Math.ceil(T / block);
  const colour = colouring(each.name);
  each.weights ??= pooled(matrix, block, size);
  const context = fit(each.canvas, SIDE, SIDE);
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels(size, size, (row, col) => (col > row ? 0 : colour(each.weights[row * size + col]))), 0, 0, SIDE, SIDE);
  if (here.lock === null) return;
  context.strokeStyle = property("--ink");
  context.strokeRect(0, (here.lock / T) * SIDE, SIDE, Math.max(1.5, SIDE / T));
}

function pooled(matrix, block, size) {
  const weights = new Float32Array(size * size);
  for (let query = 0; query < T; query++) {
    for (let key = 0; key <= query; key++) {
      const at = Math.floor(query / block) * size + Math.floor(key / block);
      const weight = matrix.value(query, key);
      if (!(weight <= weights[at])) weights[at] = weight;
    }
  }
  return weights;
}

function mark(thumbnails) {
  const chosen = (each) => each.name === here.selected && each.head === here.head;
  for (const each of thumbnails) {
    each.button.setAttribute("aria-pressed", String(chosen(each)));
    each.button.tabIndex = chosen(each) || (each === thumbnails[0] && !thumbnails.some(chosen)) ? 0 : -1;
  }
}

function walkHeads(event, thumbnails) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -H, ArrowDown: H }[event.key];
  const at = thumbnails.findIndex(({ button }) => button === event.target.closest("button"));
  if (step === undefined || at < 0) return;
  event.preventDefault();
  thumbnails[Math.min(thumbnails.length - 1, Math.max(0, at + step))].button.focus();
}

/** The followed token's row of each head's pattern in the block. */
function drawReads(root) {
  const name = patterns[here.layer];
  const title = el("header", {}, el("h2", {}, "what ", token(tokenAt(position()), { class: here.lock === null ? "token" : "token locked" }), " reads"), el("span", { class: "soft" }, `block ${here.layer}`));
  if (!holds(name)) return root.replaceChildren(title, el("p", { class: "soft" }, "The patterns of this block are not in the file."));
  root.replaceChildren(title, ...Array.from({ length: H }, (_, head) => readLine(name, head)));
}

function readLine(name, head) {
  const matrix = matrixOf(name, head);
  const at = position();
  const colour = colouring(name);
  const canvas = el("canvas", { "aria-hidden": "true" });
  const context = fit(canvas, 120, 20);
  context.imageSmoothingEnabled = T > 120;
  context.drawImage(pixels(1, T, (_, key) => (key > at ? 0 : colour(matrix.value(at, key)))), 0, 0, 120, 20);
  const weights = Array.from({ length: at + 1 }, (_, key) => matrix.value(at, key));
  const most = weights.reduce((best, weight, key) => (weight > weights[best] ? key : best), 0);
  const title = `head ${here.layer}.${head} reads ${visible(tokenAt(most))} (position ${most}) most: ${weights[most]}`;
  return el("button", { type: "button", class: "reading", "data-read-head": head, "data-key": most, "data-weight": weights[most], "aria-pressed": String(head === here.head), title, onclick: () => select(name, head) }, el("span", { class: "soft" }, String(head)), canvas, token(tokenAt(most)), el("span", { class: "number" }, weights[most].toFixed(3)));
}
