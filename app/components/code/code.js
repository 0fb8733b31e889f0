// Source code in tabs, with the lines that made the inspected tensor highlighted, scrolled to in a box of its own. Each
// line that makes a tensor has its shape at its end; pointing at it lights the tensor on the map, and the other way round.

import { el, parsed, write } from "../shared/dom.js";
import { light, onLight } from "../shared/lit.js";
import { isChanged, onChanges } from "../shared/changed.js";
import { askParity, onParity, parity } from "../shared/parity.js";
import { onRest, rested } from "../shared/rest.js";
import { chooseLook } from "../shared/segments.js";
import { report } from "../shared/sending.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { drawEnds, linesOf, madeAt } from "./ends.js";
import { drawListing } from "./listing.js";
import { buildTabs } from "./tabs.js";

function build(root, view) {
  view.tabs = buildTabs(view);
  view.folder = el("span", { class: "folder" });
  view.file = el("span", {});
  view.title = el("div", { class: "name" }, view.folder, view.file);
  view.elsewhere = el("button", { type: "button", class: "quiet elsewhere", onclick: () => chooseLook(view, "code", "model") });
  view.lines = el("code", {});
  view.box = el("pre", { class: "scroll", tabindex: "0" }, view.lines);
  view.summary = el("p", {});
  view.first = el("p", { class: "first" });
  view.formula = el("div", { class: "formula", role: "math" });
  buildParity(view);
  const words = el("div", { class: "words", role: "group", tabindex: "0", "aria-label": "What it is" }, view.parity, view.formula, view.first, view.summary);
  root.append(
    el("div", { class: "bar" }, view.tabs.node, view.title, view.elsewhere),
    el("div", { class: "panel", role: "tabpanel", id: "source", "aria-label": "Source" }, words, view.box),
  );
  const point = (ids) => {
    light(view, ids);
    mark(view, ids);
  };
  view.lines.addEventListener("pointerover", (event) => point(idsAt(view, event)));
  view.lines.addEventListener("pointerleave", () => point([]));
  view.lines.addEventListener("click", (event) => {
    const id = idsAt(view, event)[0]; // of a call within a call, what the inner one makes
    if (id) report(view, { kind: "find", id });
  });
  onLight(view, (ids, why) => why === "lit" && view.data.open && mark(view, ids));
  onRest(view, () => measureWhatWaits(view));
}

/** How far the two attentions are apart on this prompt: the badge measures it. */
function buildParity(view) {
  view.difference = el("strong", { class: "number", "data-role": "parity" });
  view.measure = el("button", { type: "button", class: "quiet", onclick: askParity }, "measure now");
  view.parity = el("p", { class: "parity", title: "between model.py and the teaching attention, which read the same weights" }, "Both attentions: largest difference of the logits on this prompt: ", view.difference, " ", view.measure);
  onParity(view, () => view.data.open && drawParity(view));
  onChanges(view, () => view.data.open && drawParity(view));
}

function drawParity(view) {
  const found = parity();
  const told = found ? `${found.difference} (${found.kind === "good" ? "rounding" : "more than rounding"})${isChanged() ? ", without the changes" : ""}` : "not measured yet";
  write(view.difference, told);
  view.measure.hidden = found !== null;
  view.parity.dataset.kind = found?.kind ?? "none";
}

/** What takes longer than a key may is computed when typing pauses; asked for once in each state of the screen. */
function measureWhatWaits(view) {
  const { open, waits, text } = view.data ?? {};
  if (!open || !waits || rested() !== text || view.asked === view.data) return;
  view.asked = view.data;
  report(view, { kind: "measure", text });
}

function idsAt(view, event) {
  const line = event.target.closest("[data-row]");
  return line ? madeAt(view, Number(line.dataset.row)).map(({ id }) => id).filter((id) => id) : [];
}

/** Lights the lines that make these tensors. */
function mark(view, ids) {
  for (const line of view.lines.querySelectorAll(".lit")) line.classList.remove("lit");
  for (const { id, first, last } of linesOf(view)) {
    if (!ids.includes(id)) continue;
    for (let row = first; row <= last; row++) view.rows[row - 1]?.classList.add("lit");
  }
}

function scrollTo(view, first, last) {
  const [top, bottom] = [view.rows[first - 1], view.rows[last - 1]];
  if (!top || !bottom) return;
  const middle = (top.offsetTop + bottom.offsetTop + bottom.offsetHeight) / 2;
  const wanted = Math.min(top.offsetTop, middle - view.box.clientHeight / 2); // of a long range, its beginning
  const whole = view.rows.findIndex((row) => row.offsetTop >= wanted); // no line cut at the top
  view.box.scrollTop = view.rows[Math.max(0, Math.min(whole, first - 1))].offsetTop;
}

/** What the tab is about: a few sentences, or what the inspected tensor is. */
function drawWords(view) {
  const { tab, summary, formula, formula_key, facts } = view.data;
  const ofNode = view.about === "";
  const picture = window.gptscopeKept?.get(formula_key);
  if (picture !== undefined && view.pictured !== formula_key) {
    view.pictured = formula_key;
    view.formula.replaceChildren(parsed(picture));
    view.formula.setAttribute("aria-label", formula);
  }
  view.formula.hidden = !ofNode;
  view.parity.hidden = tab !== "model" && tab !== "teaching";
  const first = facts[view.firstFact];
  view.first.hidden = first === undefined;
  write(view.first, `this prompt: ${first ?? ""}`);
  write(view.summary, ofNode ? summary : view.about);
}

/** The lines that made the inspected tensor, or where they are. */
function drawPlace(view) {
  const { listing_key, first, last, title, elsewhere, label } = view.data;
  const end = title.lastIndexOf("/") + 1; // where there is no room, the folder goes first
  write(view.folder, title.slice(0, end));
  write(view.file, title.slice(end));
  view.elsewhere.hidden = elsewhere === "";
  write(view.elsewhere, `${elsewhere} ›`);
  view.elsewhere.title = `${label} is not made by a line of this tab`;
  const now = JSON.stringify([listing_key, first, last]);
  if (view.drawn === now) return;
  view.drawn = now;
  for (const [i, line] of view.rows.entries()) line.classList.toggle("marked", i + 1 >= first && i < last);
  view.box.setAttribute("aria-label", title || "source");
  scrollTo(view, first, last);
  Object.assign(view.root.dataset, { first: view.rows[first - 1]?.dataset.line ?? "", last: view.rows[last - 1]?.dataset.line ?? "" });
}

function draw(view) {
  const { open, tab, listing_key, height } = view.data;
  view.root.hidden = !open;
  if (!open) {
    delete view.root.dataset.text; // it shows no numbers
    painted(view, "code");
    return;
  }
  view.root.style.setProperty("--height", height);
  view.tabs.choose(tab);
  drawListing(view, listing_key);
  drawWords(view);
  drawParity(view);
  drawEnds(view);
  drawPlace(view);
  painted(view, "code");
  view.root.dataset.tab = tab;
  measureWhatWaits(view);
}

export default function (component) {
  const view = viewOf(component, build);
  draw(view);
  return cleanup(component);
}
