// The map as strips: each line a tensor, x the token, from the embedding down to the logits. A locked token is one dark
// line through all of them; only attention moves sideways, as arcs from the columns that it reads.

import { fitCanvas } from "../shared/canvas.js";
import { el, write } from "../shared/dom.js";
import { lock, onLock } from "../shared/following.js";
import { onHover } from "../shared/hover.js";
import { light } from "../shared/lit.js";
import { clamp } from "../shared/numbers.js";
import { report } from "../shared/sending.js";
import { onResize } from "../shared/size.js";
import { tokenAt, tokenIndex } from "../shared/tokens.js";
import { visible } from "../shared/text.js";
import { listen } from "../shared/view.js";
import { changeSign } from "./change_sign.js";
import { buildMargins, drawMargins, partFor } from "./margins.js";
import { layout, LEAST, placeAt, ROOM } from "./places.js";
import { drawArcs, drawOver, drawPixels, weightsFor } from "./strip_drawing.js";
import { isAnswer, leave, lockAt, point, tell } from "./strip_pointing.js";

const READ = 18; // px of a key that a head reads

/**
 * Builds the strips' own elements; `view.strips` holds them.
 * @param {View} view
 */
export function buildStrips(view) {
  view.base = el("canvas", { "aria-hidden": "true" });
  view.over = el("canvas", { class: "over", "aria-hidden": "true" });
  view.rows = el("div", { class: "rows", role: "group", "aria-label": "Tensors from the embedding to the logits" });
  buildMargins(view, ({ line, node }) => {
    mark(view, line);
    report(view, { kind: "select", id: node, layer: view.data.layer });
  });
  view.sheet = el("div", { class: "sheet" }, view.base, view.over, view.rows, view.bars);
  view.stripSign = changeSign(view, view.sheet, { selected: () => view.markedId ?? "", nodeAt: (event) => lineAt(view, event), placeOf: (id) => signPlace(view, id) });
  view.sheet.append(view.stripSign.node);
  view.tip = el("div", { class: "tip number", role: "status", hidden: true });
  view.heading = el("div", { class: "heading soft" }, el("span", {}, "tokens →"), view.margins.node);
  view.strips = el("div", { class: "strips scroll" }, view.heading, view.sheet, view.tip);
  view.pointed = { index: null, query: null };
  view.over.addEventListener("pointermove", (event) => point(view, event));
  view.over.addEventListener("pointerleave", () => leave(view));
  view.over.addEventListener("click", (event) => lockAt(view, event));
  view.rows.addEventListener("click", (event) => clicked(view, event));
  view.rows.addEventListener("keydown", (event) => pressed(view, event));
  onHover(view, (at) => {
    view.pointed = at;
    drawOver(view);
  });
  onLock(view, (token) => {
    view.locking = token;
    drawOver(view);
  });
  view.rows.addEventListener("pointerover", (event) => light(view, tensorsOf(view, event.target.closest("[data-node]"))));
  view.rows.addEventListener("pointerleave", () => light(view, []));
  listen(view, "gptscope:lens", ({ detail }) => {
    view.lens = detail;
    if (view.places) drawSays(view);
  });
  onResize(view, view.strips, () => view.data.form === "tensors" && drawStrips(view));
}

/** The tensors that a line stands for: its node, and what it draws. */
function tensorsOf(view, button) {
  const place = view.places.find(({ line }) => line.id === button?.dataset.node);
  return place ? [place.line.id, place.line.tensor] : [];
}

/** The line that an event is about: by its name, or by its strip. */
function lineAt(view, event) {
  return event.target === view.over ? placeAt(view, event.offsetY)?.line.id : event.target.closest(".line")?.dataset.node;
}

/** The sign stands before the label, behind what opens a block. */
function signPlace(view, id) {
  const place = view.places?.find(({ line }) => line.id === id);
  return place ? { x: place.line.block === null ? 1 : 23, y: place.y + (place.height - 24) / 2, label: place.line.label } : null;
}

/** Lights the lines of tensors that another panel points at, or explains a number by. */
export function lightLines(view, ids, why) {
  for (const { line } of view.places ?? []) view.buttons.get(line.id)?.classList.toggle(why, ids.includes(line.id) || ids.includes(line.tensor));
}

// ---- choosing ------------------------------------------------------------------------------------------------

function clicked(view, event) {
  const opener = event.target.closest("[data-open]");
  if (opener) return report(view, { kind: "layer", id: view.data.selected, layer: Number(opener.dataset.open) });
  const button = event.target.closest("[data-node]");
  if (!button) return;
  const { line } = view.places.find((place) => place.line.id === button.dataset.node);
  const again = line.id === view.markedId && line.block !== null && !line.inside;
  if (again) report(view, { kind: "layer", id: view.data.selected, layer: line.block });
  else select(view, line.id);
}

function select(view, id) {
  mark(view, id); // before the server's answer, so that it shows at once
  report(view, { kind: "select", id, layer: view.data.layer });
}

function pressed(view, event) {
  const buttons = [...view.rows.querySelectorAll("[data-node]")];
  const at = buttons.indexOf(event.target.closest("[data-node]"));
  if (at < 0) return;
  const { position, T, locked } = view.data;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step !== undefined) buttons[clamp(at + step, 0, buttons.length - 1)].focus();
  else if (event.key === "ArrowLeft") lock(view, tokenIndex(view, Math.max(0, position - 1)));
  else if (event.key === "ArrowRight") lock(view, tokenIndex(view, Math.min(T - 1, position + 1)));
  else if (event.key === "Escape" && locked) lock(view, null);
  else if (event.key === "Delete") report(view, { kind: "off", id: buttons[at].dataset.node });
  else if (event.key === "c" && !event.ctrlKey && !event.metaKey) view.stripSign.change(buttons[at].dataset.node);
  else return;
  event.preventDefault();
}

// ---- lines ---------------------------------------------------------------------------------------------------

/** The buttons of the lines, made anew only when the lines are others. */
function drawRows(view) {
  const { lines, head, margin } = view.data;
  const key = lines.map(({ id }) => id).join();
  if (view.rowsKey !== key) {
    view.rowsKey = key;
    const focused = view.root.getRootNode().activeElement?.dataset?.node;
    view.buttons = new Map();
    view.openers = new Map();
    view.says = new Map();
    view.rows.replaceChildren(...lines.flatMap((line) => rowOf(view, line)));
    if (focused) (view.buttons.get(focused) ?? view.buttons.values().next().value).focus();
  }
  const placed = JSON.stringify([key, head, margin, view.plan.width, view.plan.height]);
  if (view.placedKey !== placed) {
    view.placedKey = placed;
    placeRows(view);
  }
  mark(view, lineOf(view));
}

/** Puts labels, signs and words beside their strips. */
function placeRows(view) {
  const { head } = view.data;
  for (const { line, y, height } of view.places) {
    const button = view.buttons.get(line.id);
    button.style.cssText = `top: ${y}px; height: ${height}px; width: ${ROOM.left - 8}px`;
    const say = view.says.get(line.id);
    const left = ROOM.left + view.plan.strip + ROOM.gap;
    if (say) say.style.cssText = `top: ${y}px; left: ${left}px; width: ${ROOM.right}px; height: ${height}px`;
    if (line.kind === null) {
      write(button.lastChild, `head ${head}`);
      view.reads.style.cssText = `top: ${y}px; left: ${left}px; width: ${ROOM.right}px; height: ${height - headRoom(view)}px`;
    }
    const opener = view.openers.get(line.id);
    if (opener) opener.style.top = `${y + (height - 24) / 2}px`;
  }
  const opened = view.places.filter(({ line }) => line.inside);
  const [first, last] = [opened[0], opened.at(-1)];
  if (first) view.frame.style.cssText = `top: ${first.y - 6}px; height: ${last.y + last.height - first.y + 11}px`;
}

/** What the chosen head adds stands below the keys that it reads. */
function headRoom(view) {
  return view.data.adds?.parts.length ? LEAST : 0;
}

/** The line of the selected node: its own, or the one that draws what it makes; "" where there is none. */
export function lineOf(view) {
  const { lines, selected, makes } = view.data;
  const own = lines.find(({ id }) => id === selected) ?? lines.find(({ tensor }) => tensor === makes);
  return own?.id ?? partFor(view, selected)?.line ?? "";
}

function rowOf(view, line) {
  const label = el("span", { class: "label" }, line.label);
  const title = line.block !== null && !line.inside ? `${line.title}\nOnce more: the block opens in its place.` : line.title;
  const attributes = { type: "button", class: `line concept-${line.concept}`, "data-node": line.id, title };
  const parts = [label];
  if (line.kind === null) parts.push(el("span", { class: "soft" }));
  const button = el("button", attributes, ...parts);
  view.buttons.set(line.id, button);
  const made = [button];
  if (line.block !== null) made.push(openerOf(view, line));
  if (line.kind === null) {
    view.reads = el("div", { class: "reads number", title: "the keys that the followed token reads most, with their weights" });
    made.push(view.reads);
  }
  if (line.says) {
    const say = el("div", { class: "say", title: "what the model would say if it stopped here" });
    view.says.set(line.id, say);
    made.push(say);
  }
  if (line.inside && line.block !== null) made.push((view.frame = el("div", { class: "opened", "aria-hidden": "true" })));
  return made;
}

/** The sign at the left of a block's first line: it opens the block in place, as a second click on the line does. */
function openerOf(view, line) {
  const open = line.inside;
  const name = open ? `block ${line.block}, open` : `open block ${line.block} in its place`;
  const attributes = { type: "button", class: "opener", "data-open": line.block, "aria-expanded": String(open), tabindex: "-1" };
  const made = el("button", { ...attributes, "aria-label": name, title: name }, open ? `▾ ${line.block}` : "▸");
  view.openers.set(line.id, made);
  return made;
}

function mark(view, id) {
  for (const [name, button] of view.buttons) {
    const pressed = String(name === id);
    if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
    button.tabIndex = name === id ? 0 : -1;
  }
  if (!view.buttons.has(id)) view.buttons.values().next().value.tabIndex = 0;
  view.markedId = id;
  view.stripSign.draw();
}

// ---- what the model would say --------------------------------------------------------------------------------

function drawSays(view) {
  const { lens, data } = view;
  const fits = lens && lens.text === data.text && lens.position === data.position && lens.step === data.step;
  for (const { line } of view.places) {
    const node = view.says.get(line.id);
    if (!node) continue;
    node.dataset.stale = String(!fits);
    if (!fits) continue; // hidden: its words are written over
    const found = saidAt(lens.rows, line);
    if (!node.firstChild) node.append(el("span", { class: "bar" }), el("span", { class: "word" }), el("span", { class: "p number" }));
    const [bar, word, p] = node.children;
    const width = found ? `${Math.max(1, 100 * found.top[0].probability).toFixed(1)}%` : "0px";
    if (bar.style.width !== width) bar.style.width = width;
    write(word, found ? visible(found.top[0].label) : "");
    write(p, found ? share(found.top[0].probability) : "");
  }
}

function share(probability) {
  return probability < 0.005 ? "< 1 %" : `${Math.round(100 * probability)} %`;
}

/** The keys that the chosen head reads most from the followed token. */
function drawReads(view) {
  const weights = [...(weightsFor(view) ?? [])].map((weight, key) => ({ weight, key }));
  if (!view.reads) return;
  const { height } = view.places.find(({ line }) => line.kind === null);
  const room = Math.floor((height - headRoom(view)) / READ);
  const most = weights.sort((a, b) => b.weight - a.weight).slice(0, Math.min(room, 4));
  const rows = view.reads.children;
  while (rows.length < most.length) view.reads.append(el("span", {}, el("b"), el("span")));
  while (rows.length > most.length) view.reads.lastChild.remove();
  most.forEach(({ weight, key }, i) => {
    write(rows[i].firstChild, tokenAt(view, key));
    write(rows[i].lastChild, ` ${weight < 0.0995 ? weight.toPrecision(2) : weight.toFixed(2)}`);
  });
}

/** The lens begins with the embeddings, and ends with the output. */
function saidAt(rows, line) {
  if (line.kind === "logits") return rows.at(-1);
  return rows.find(({ name }) => name === line.tensor) ?? (line.inside || line.block !== null ? null : rows[0]);
}

/**
 * Draws the strips of this prompt.
 * @param {View} view
 */
export function drawStrips(view) {
  view.locking = undefined;
  const plan = layout(view);
  Object.assign(view, { plan, places: plan.places });
  drawRows(view);
  const tall = `${plan.height}px`;
  if (view.sheet.style.height !== tall) view.sheet.style.height = tall;
  const context = fitCanvas(view.base, plan.width, plan.height);
  drawPixels(view, context);
  drawArcs(view, context);
  drawReads(view);
  drawSays(view);
  drawMargins(view);
  drawOver(view);
  if (view.told && isAnswer(view, view.told)) tell(view, view.told);
}
