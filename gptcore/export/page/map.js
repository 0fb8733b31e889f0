// The map: every tensor from the embedding down to the loss, each a strip, in the order in which they are computed.

import { change, data, here, nodes, onChange, position, select, T, toggleLock, walk } from "./state.js";
import { brief, clamp, el, percent, token, visible } from "./numbers.js";
import { holds, labelOf, matrixOf, same, tokenAt } from "./stores.js";
import { fit } from "./canvas.js";
import { property } from "./colours.js";
import { drawArcs, drawNothing, drawStrip, stripCell } from "./strips.js";
import { hideTip, showTip } from "./tip.js";
import { indexText } from "./cells.js";
import { saidAt } from "./after.js";

const TALL = 62; // px of a pattern, which is drawn as arcs; others have the height of their line
const LOW = 22;
const rows = new Map(); // id -> the elements of its line
/** @type {any} */
let list = null;

export function drawMap(root) {
  list = el("div", { class: "lines", role: "group", "aria-label": "Tensors in the order of the forward pass" });
  const lines = { locked: el("i", { class: "at locked" }), hover: el("i", { class: "at hovered" }) };
  root.append(el("div", { class: "heading soft" }, el("span", {}, "tokens →"), el("span", {}, "would say")), list);
  for (const node of data.nodes) list.append(lineOf(node));
  list.append(lines.hover, lines.locked);
  list.addEventListener("keydown", pressed);
  onChange((changed) => {
    if (changed.has("open")) place();
    if (["open", "head", "look"].some((name) => changed.has(name))) drawAll();
    else if (changed.has("lock")) for (const node of data.nodes) if (node.role === "pattern" && shown(node)) drawOne(node);
    if (changed.has("selected") || changed.has("open")) mark();
    if (changed.has("lock") || changed.has("open") || changed.has("look")) says();
    if (changed.has("selected")) rows.get(here.selected).line.scrollIntoView({ block: "nearest" });
    columns(lines);
  });
  new ResizeObserver(() => {
    drawAll();
    columns(lines);
  }).observe(list);
  place();
  mark();
  says();
}

function lineOf(node) {
  const opens = data.nodes.some(({ parent }) => parent === node.id);
  const opener = opens ? el("button", { type: "button", class: "opener", tabindex: -1, onclick: () => toggle(node.id) }) : el("span");
  const name = el("button", { type: "button", class: "name", "data-node": node.id, title: `${node.id}\n${node.summary}`, onclick: () => select(node.id) }, el("span", {}, node.label));
  const canvas = el("canvas", { "aria-hidden": "true" });
  const say = el("span", { class: "say" });
  const line = el("div", { class: `line concept-${node.concept}` }, opener, name, canvas, say);
  line.style.setProperty("--depth", String(depth(node)));
  canvas.addEventListener("pointermove", (event) => point(node, event));
  canvas.addEventListener("pointerleave", () => {
    change({ hover: null });
    hideTip();
  });
  canvas.addEventListener("click", (event) => toggleLock(columnAt(event)));
  rows.set(node.id, { line, opener, name, canvas, say, opens });
  return line;
}

function depth({ parent }) {
  return parent ? 1 + depth(nodes.get(parent)) : 0;
}

function toggle(id) {
  const open = new Set(here.open);
  if (!open.delete(id)) open.add(id);
  change({ open });
}

/** True where all that the node stands in is open. */
function shown({ parent }) {
  return !parent || (here.open.has(parent) && shown(nodes.get(parent)));
}

function place() {
  for (const node of data.nodes) {
    const { line, opener, opens } = rows.get(node.id);
    line.hidden = !shown(node);
    if (!opens) continue;
    const open = here.open.has(node.id);
    opener.textContent = open ? "▾" : "▸";
    opener.setAttribute("aria-expanded", String(open));
    opener.setAttribute("aria-label", `${open ? "close" : "open"} ${node.label}`);
  }
}

function mark() {
  for (const [id, { name }] of rows) {
    name.setAttribute("aria-pressed", String(id === here.selected));
    name.tabIndex = id === here.selected ? 0 : -1;
  }
  if (!shown(nodes.get(here.selected))) rows.get(data.nodes[0].id).name.tabIndex = 0;
}

function drawAll() {
  for (const node of data.nodes) if (shown(node)) drawOne(node);
}

function drawOne(node) {
  const { canvas } = rows.get(node.id);
  const width = Math.floor(canvas.parentElement.clientWidth - canvas.offsetLeft - rows.get(node.id).say.offsetWidth);
  if (width <= 0) return;
  if (!holds(node.id)) drawNothing(canvas, width, LOW);
  else if (node.role === "pattern") drawArcs(canvas, node.id, position(), width, TALL);
  else if (node.role === "tokens") drawIds(canvas, width);
  else drawStrip(canvas, node.id, width, LOW);
}

/** An id is a name, not an amount: it has no colour, and neighbours only differ. */
function drawIds(canvas, width) {
  const context = fit(canvas, width, LOW);
  for (let at = 0; at < T; at++) {
    context.fillStyle = property(at % 2 ? "--frame" : "--line");
    context.fillRect((at / T) * width, 0, width / T, LOW);
  }
}

/** Puts the lines of the locked and of the hovered token through all strips. */
function columns(lines) {
  const { canvas } = [...rows.values()].find(({ line }) => !line.hidden) ?? {};
  if (!canvas) return;
  for (const [line, at] of [[lines.locked, position()], [lines.hover, here.hover]]) {
    line.hidden = at === null;
    if (at !== null) line.style.left = `${canvas.offsetLeft + ((at + 0.5) / T) * canvas.clientWidth}px`;
  }
  lines.locked.classList.toggle("last", here.lock === null);
}

function columnAt(event) {
  return clamp(Math.floor((event.offsetX / event.target.clientWidth) * T), 0, T - 1);
}

function point(node, event) {
  const at = columnAt(event);
  change({ hover: at });
  const where = { x: event.clientX, y: event.clientY };
  if (!holds(node.id)) return showTip(where, [[node.id], [data.left_out[node.id]]]);
  if (node.role === "pattern") return showTip(where, weight(node, at), { name: node.id });
  const y = event.offsetY / event.target.clientHeight;
  const cell = stripCell(node.id, event.offsetX / event.target.clientWidth, clamp(y, 0, 0.999));
  const many = cell.many > 1 ? [[`the farthest from 0 of ${cell.many} numbers`]] : [];
  showTip(where, [...indexText(cell.matrix, cell.row, cell.col), ...many], { name: node.id, index: cell.matrix.index(cell.row, cell.col), value: cell.value });
}

/** The weight that the followed token gives to the key that is pointed at. */
function weight(node, key) {
  return indexText(matrixOf(node.id, here.head), position(), key);
}

function says() {
  for (const node of data.nodes) {
    const { say } = rows.get(node.id);
    if (node.role === "pattern" && holds(node.id)) say.replaceChildren(...reads(node.id));
    else {
      const found = saidAt(node.id, same);
      say.replaceChildren(...(found ? [el("i", {}), el("span", { class: "read" }, token(labelOf(found.id)), el("span", { class: "number" }, brief(found.probability)))] : []));
      if (found) say.firstChild.style.width = `${100 * found.probability}%`;
      say.title = found ? `${visible(labelOf(found.id))}, ${percent(found.probability)}: what the model would say here` : "";
    }
  }
}

/** The keys that the followed token reads most. */
function reads(name) {
  const matrix = matrixOf(name, here.head);
  const all = Array.from({ length: position() + 1 }, (_, key) => ({ key, weight: matrix.value(position(), key) }));
  const most = all.sort((a, b) => b.weight - a.weight).slice(0, 3);
  return most.map(({ key, weight }) => el("span", { class: "read" }, token(tokenAt(key)), el("span", { class: "number" }, weight.toFixed(2))));
}

function pressed(event) {
  const names = [...list.querySelectorAll(".line:not([hidden]) .name")];
  const at = names.indexOf(event.target.closest(".name"));
  if (at < 0) return;
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) names[clamp(at + steps[event.key], 0, names.length - 1)].focus();
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") walk(event.key === "ArrowLeft" ? -1 : 1);
  else if (event.key === " " && rows.get(names[at].dataset.node).opens) toggle(names[at].dataset.node);
  else return;
  event.preventDefault();
}
