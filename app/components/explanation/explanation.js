// One number and where it comes from.

import { el, parsed, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { light } from "../shared/lit.js";
import { short } from "../shared/numbers.js";
import { onPinned } from "../shared/pinned.js";
import { nextNumber } from "../shared/sending.js";
import { chooseLook } from "../shared/segments.js";
import { onResize } from "../shared/size.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { buildBars, drawBars, paint } from "./bars.js";
import { keepBeside } from "./beside.js";

const TOLD = 1500; // ms that a word on what was done stays
const WAY = 8; // numbers of the way back that are in sight, the last ones

function build(root, view) {
  root.dataset.role = "explanation";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Where this number comes from");
  view.marked = null;
  view.value = el("strong", { class: "number" });
  view.place = el("code", { class: "place" });
  view.sentence = el("p", { class: "sentence" });
  view.changed = el("p", { class: "changed", "data-role": "changed-number" });
  view.formula = el("div", { class: "formula", role: "math" });
  view.uses = el("h3", {});
  view.operands = el("div", { class: "operands" });
  view.check = el("p", { class: "soft number" });
  view.back = el("nav", { class: "way", "aria-label": "The numbers before" });
  const close = el("button", { type: "button", class: "quiet", "aria-label": "close", onclick: () => tell(view, { row: null }) }, "×");
  view.code = el("button", { type: "button", class: "link", onclick: () => chooseLook(view, "drawer", "code") });
  view.change = el("button", { type: "button", class: "link", "data-role": "change-number", title: "set this number, or change what it is a part of", onclick: () => tell(view, { change: true }) }, "change…");
  view.copy = el("button", { type: "button", class: "link copy", onclick: () => copy(view) }, "copy code");
  const picture = buildBars(view, (name, cell) => tell(view, { open: name, cell }));
  root.append(
    view.back,
    el("div", { class: "top" }, view.value, view.place, close),
    view.sentence,
    view.changed,
    view.formula,
    view.uses,
    view.operands,
    ...picture,
    view.check,
    el("div", { class: "foot" }, view.code, view.change, view.copy),
  );
  view.operands.addEventListener("click", (event) => {
    const row = event.target.closest("[data-open]");
    if (!row) return;
    const { name, cell } = view.data.operands[[...view.operands.children].indexOf(row)];
    tell(view, cell ? { open: name, cell } : { open: name });
  });
  view.back.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (step) tell(view, { back: Number(step.dataset.step) });
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tell(view, { row: null });
    else if (event.key === "Backspace" && view.data.trail.length) tell(view, { back: view.data.trail.length - 1 });
  });
  view.redraw = () => paint(view);
  onResize(view, root, () => paint(view));
  onPinned(view, () => keepBeside(view));
  keepBeside(view);
  const area = new ResizeObserver(() => keepBeside(view));
  area.observe(root.getRootNode().host);
  view.cleanups.push(() => area.disconnect());
  view.cleanups.push(() => light(view, [], "feeds")); // the tensors that it is made from are lit as long as it is open
}

function tell(view, event) {
  view.send("explain", { ...event, seq: nextNumber() });
}

async function copy(view) {
  await navigator.clipboard.writeText(view.data.code);
  write(view.copy, "copied");
  setTimeout(() => write(view.copy, "copy code"), TOLD);
}

function drawOperands(view) {
  const rows = view.data.operands.map(({ name, index, values, count, cell }) =>
    el(
      "button",
      { type: "button", "data-open": name, title: cell ? `where ${name}[${cell.join(", ")}] comes from` : `inspect ${name}` },
      el("code", {}, `${shortPlace(name)}${index}`),
      el("span", { class: "number" }, count > 1 ? `${count} numbers` : values),
    ),
  );
  view.operands.replaceChildren(...rows);
}

/** The last numbers before this one; each leads back. */
function drawWay(view) {
  const { trail } = view.data;
  const key = trail.join();
  if (view.wayKey === key) return;
  view.wayKey = key;
  const first = trail.length > WAY ? 1 : 0; // of a long way its beginning, then its end
  const shown = trail.map((place, step) => ({ place, step })).filter(({ step }) => step < first || step >= trail.length - WAY + first);
  const steps = shown.flatMap(({ place, step }) => [
    el("button", { type: "button", class: "link", "data-step": step, title: `back to ${place}` }, lastName(place)),
    step === 0 && shown.length < trail.length ? " … " : " › ",
  ]);
  view.back.replaceChildren(...steps);
  view.back.hidden = trail.length === 0;
}

/** Writes the name and the index; where they need two lines, the second one begins behind a dot or before the index. */
function writePlace(view, place) {
  if (view.place.textContent === place) return;
  view.place.replaceChildren(...place.split(/(?<=\.)|(?=\[)/).flatMap((part, i) => (i ? [el("wbr", {}), part] : [part])));
}

/** A name without what all names begin with. */
function shortPlace(place) {
  return place.replace(/^transformer\./, "");
}

/** The last part of a name: of a weight the last two. */
function lastName(place) {
  const parts = place.replace(/\[.*$/, "").split(".");
  return parts.slice(["weight", "bias"].includes(parts.at(-1)) ? -2 : -1).join(".");
}

function drawFormula(view, formula, formula_key) {
  view.formula.hidden = formula === "";
  if (view.formula.hidden || view.pictured === formula_key) return;
  const picture = window.gptscopeKept?.get(formula_key);
  if (picture === undefined) {
    view.formula.replaceChildren();
    view.pictured = null;
    if (view.drawing !== formula_key) tell(view, { formula: formula_key });
    view.drawing = formula_key; // asked for once: the card is there before its equation is drawn
    return;
  }
  view.pictured = formula_key;
  view.formula.replaceChildren(...JSON.parse(picture).map(onLine));
  view.formula.setAttribute("aria-label", formula);
}

/** A piece of the equation; all stand on one line, whatever goes below it. */
function onLine(svg) {
  const piece = parsed(svg);
  const [, top, , height] = piece.getAttribute("viewBox").split(" ").map(Number);
  piece.style.verticalAlign = `${-(top + height)}px`;
  return piece;
}

/** Of a sum of products a click leads to the place that counts most. */
function madeFrom({ picture }) {
  const sum = picture.strips.some(({ name }) => name === "product");
  return sum ? "made from (a click leads to where the product is largest, a bar to its own)" : "made from";
}

/** Whether the number can be believed. */
function check({ recomputed, difference, operands }) {
  if (recomputed === null) return "A trained number: it is the same for every prompt.";
  if (!operands.length) return "It is given: nothing makes it.";
  return `from these alone: ${short(recomputed)}, which differs by ${short(difference)}`;
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  const { name, index, sentence, value, recomputed, formula, formula_key, source } = data;
  const trained = recomputed === null;
  write(view.value, Number.isInteger(value) ? String(value) : short(value));
  writePlace(view, `${name}[${index.join(", ")}]`);
  write(view.sentence, sentence);
  write(view.changed, data.changed);
  view.changed.hidden = !data.changed;
  drawFormula(view, formula, formula_key);
  drawBars(view);
  view.change.hidden = trained; // a change is one of the run
  write(view.uses, trained ? "used by" : data.operands.length ? madeFrom(data) : "");
  const key = JSON.stringify(data.operands);
  if (view.operandsKey !== key) {
    view.operandsKey = key;
    const focused = view.operands.contains(focusedElement());
    drawOperands(view);
    if (focused) view.operands.firstChild?.focus(); // one walks on by Enter
  }
  write(view.check, check(data));
  write(view.code, source.replace(/^.*\//, "")); // all links stand in one line
  view.code.title = source;
  drawWay(view);
  const shown = data.feeds.filter(({ line }) => line !== null);
  light(view, [...data.operands.map((operand) => operand.name), ...shown.map(({ line }) => line)], "feeds", shown);
  Object.assign(root.dataset, { name, index: index.join(","), value: String(value), recomputed: String(recomputed) });
  painted(view, "explanation");
  return cleanup(component);
}
