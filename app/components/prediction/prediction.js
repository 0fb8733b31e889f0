// The next-token distribution: one row per token, a click appends it; temperature and number of rows.

import { el, put, write } from "../shared/dom.js";
import { lock } from "../shared/following.js";
import { hover, onHover } from "../shared/hover.js";
import { wayTo } from "../shared/leaving.js";
import { percent, short } from "../shared/numbers.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { nextNumber, oneInFlight } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { brief, signed } from "./numbers.js";
import { buildWhy, hideWhy } from "./why.js";

function build(root, view) {
  root.classList.add("card");
  view.rows = el("div", { class: "rows scroll", role: "group", "aria-label": "Next tokens, most likely first" });
  view.note = el("span", { class: "note soft number" });
  view.after = el("span", { class: "after number" });
  view.facts = el("div", { class: "each" });
  view.top = el("select", { "aria-label": "How many tokens to show", onchange: () => settingsChanged(view) });
  view.slider = el("input", { type: "range", "aria-label": "Temperature", oninput: () => settingsChanged(view) });
  view.degrees = el("output", { class: "number" });
  view.reset = el("button", { type: "button", class: "quiet", title: "back to 1", onclick: () => cool(view) }, "1.0");
  const walk = (name, sign, by) => el("button", { type: "button", class: "quiet step", "aria-label": name, title: name, onclick: () => go(view, by) }, sign);
  view.back = walk("the token before (←)", "‹", -1);
  view.on = walk("the next token (→)", "›", 1);
  view.free = el("button", { type: "button", class: "quiet step", "aria-label": "let go", title: "let go: follow the last token again (Esc)", onclick: () => lock(view, null) }, "×");
  view.compared = el("div", { class: "compared soft", hidden: true }, el("span", {}, "% without → with the changes"), el("span", { title: "percentage points" }, "Δ"));
  view.effect = el("p", { class: "effect soft", "data-role": "effect", hidden: true }, el("span", { class: "whole" }), el("span", { class: "brief" }));
  root.append(
    el("header", {}, el("h2", {}, el("span", { class: "word" }, "after "), view.after), view.free, view.back, view.on, view.top),
    el("div", { class: "facts number" }, view.facts, headsLink(), view.note),
    view.effect,
    view.compared,
    el("div", { class: "list" }, view.rows, buildWhy(view)),
    el("footer", {}, el("label", {}, "temperature"), view.slider, view.degrees, view.reset),
  );
  view.append = null;
  view.flight = oneInFlight((value) => view.send("event", value));
  view.cleanups.push(() => view.flight.stop());
  view.rows.addEventListener("click", (event) => append(view, event.target.closest("button")));
  arrowsMove(view.rows);
  view.rows.addEventListener("pointerover", (event) => pointAt(view, event.target.closest("button")));
  view.rows.addEventListener("pointerleave", () => pointAt(view, null));
  onHover(view, ({ index }) => mark(view, index));
}

/** The way to the page that tells which head does it. */
function headsLink() {
  return wayTo("lab", { class: "heads", "data-role": "to-lab", title: "the heads behind this prediction on the page Lab: the one that it would miss most first, each with a switch" }, el("span", { class: "word" }, "which "), "heads? → Lab");
}

/** Locks the token beside the one that is followed. */
function go(view, by) {
  const { position, prompt } = view.data;
  lock(view, position + prompt.cropped + by);
}

// ---- reporting -----------------------------------------------------------------------------------------------

/** Each message carries all settings and the last append, so that the newest message alone says everything. */
function tell(view) {
  const { append, slider, top } = view;
  view.flight.offer({ temperature: Number(slider.value), top_k: Number(top.value), append });
}

function settingsChanged(view) {
  view.degrees.textContent = Number(view.slider.value).toFixed(2);
  tell(view);
}

function cool(view) {
  view.slider.value = "1";
  settingsChanged(view);
}

function append(view, row) {
  if (!row) return;
  view.append = { id: Number(row.dataset.tokenId), text: view.data.text, seq: nextNumber() };
  tell(view);
}

/** A row lights the last place where the prompt has its token, and is lit by it. */
function pointAt(view, row) {
  const { ids, first, cropped } = view.data.prompt ?? { ids: [], first: 0, cropped: 0 };
  const place = row ? ids.lastIndexOf(Number(row.dataset.tokenId)) + first - cropped : -1;
  hover(view, row && place >= 0 && ids.includes(Number(row.dataset.tokenId)) ? place : null);
}

function mark(view, index) {
  view.marked = index;
  const { ids, first, cropped } = view.data.prompt ?? { ids: [], first: 0, cropped: 0 };
  const token = index === null ? null : String(ids[index + cropped - first]);
  for (const row of view.rows.children) row.classList.toggle("same", row.dataset.tokenId === token);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function newRow() {
  const bar = el("span", { class: "track" }, el("span", { class: "bar" }), el("span", { class: "act" }));
  const cell = (name) => el("span", { class: name });
  const row = el("button", { type: "button", class: "row", "data-role": "next-token" });
  row.append(bar, cell("token"), cell("p number"), cell("logit number"));
  return row;
}

/** The click of a row: it appends its token, or puts it in the place of what follows the locked one. */
function deed(view) {
  const { labels, first, cropped } = view.data.prompt ?? { labels: [], first: 0, cropped: 0 };
  const next = view.data.position + cropped - first + 1;
  if (next >= labels.length) return { word: "append", says: "append" };
  const dropped = labels.length - next;
  return { word: "replace", says: `replace ${visible(labels[next])}, which drops ${dropped} token${dropped > 1 ? "s" : ""}, by` };
}

function drawRow(row, { id, label, probability, logit, rank, cut }, { word, says }, before) {
  const [track, tokenNode, pNode, logitNode] = row.children;
  row.classList.toggle("cut", cut);
  row.dataset.tokenId = id;
  row.dataset.probability = String(probability);
  row.setAttribute("aria-label", `${says} ${visible(label)}, probability ${percent(probability)}`);
  row.title = `${visible(label)}, token ${id}: probability ${probability}, logit ${logit}, rank ${rank}${cut ? "; it would not be drawn: cut by top-k or top-p" : ""}. Click: ${says} it`;
  write(track.lastChild, word);
  write(tokenNode, visible(label));
  track.firstChild.style.width = probability > 0 ? `max(2px, ${100 * probability}%)` : "0";
  write(pNode, percent(probability));
  row.classList.toggle("compared", before !== undefined);
  if (before !== undefined) {
    const change = signed(100 * (probability - before));
    row.dataset.before = String(before);
    row.style.setProperty("--before", `${100 * before}%`);
    row.title = `${visible(label)}, token ${id}: probability ${before} without the changes, ${probability} with. Click: ${says} it`;
    write(pNode, `${percent(before, "")} → ${percent(probability, "")}`);
    write(logitNode, change);
    return;
  }
  delete row.dataset.before;
  write(logitNode, typeof logit === "string" ? short(logit) : brief(logit));
}

function drawSettings(view) {
  const { data, slider, top } = view;
  const key = JSON.stringify(data.choices);
  if (view.choices !== key) {
    view.choices = key;
    top.replaceChildren(...data.choices.map((k) => el("option", { value: k }, `top ${k}`)));
  }
  [slider.min, slider.max, slider.step] = [data.coldest, data.hottest, 0.05];
  if (!view.flight.idle()) return; // the user is ahead of the server
  slider.value = data.temperature;
  top.value = data.top_k;
  write(view.degrees, data.temperature.toFixed(2));
}

/** What the model is told there: its target, what that cost, how sure it was. */
function drawFacts(view) {
  const { facts } = view.data;
  const names = facts.map(([name]) => name).join();
  if (view.facts.dataset.names !== names) {
    view.facts.dataset.names = names;
    view.facts.replaceChildren(...facts.map(([name]) => el("span", { "data-fact": name }, el("i", {}, name), el("span"))));
  }
  facts.forEach(([, value, meaning], i) => {
    const fact = view.facts.children[i];
    fact.title = meaning;
    write(fact.lastChild, visible(value));
  });
}

/** What attribution foretold of the changes, beside what came of them. */
function drawEffect(view) {
  const { data, effect } = view;
  effect.hidden = !data.effect;
  const [told, brief, meaning] = data.effect ?? ["", "", ""];
  write(effect.firstChild, told);
  write(effect.lastChild, brief);
  put(effect, "title", `${told}. ${meaning}`);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, rows } = view;
  view.root.style.setProperty("--height", data.height);
  view.flight.acknowledge(data.ack);
  while (rows.children.length > data.rows.length) rows.lastChild.remove();
  const done = deed(view);
  data.rows.forEach((token, i) => drawRow(rows.children[i] ?? rows.appendChild(newRow()), token, done, data.before?.[i]));
  view.compared.hidden = data.before === undefined;
  drawEffect(view);
  view.root.classList.toggle("comparing", data.before !== undefined);
  keepStop(rows);
  hideWhy(view);
  mark(view, view.marked ?? null);
  write(view.note, data.note);
  write(view.after, visible(data.token));
  view.after.title = visible(data.token);
  view.after.classList.toggle("locked", data.locked);
  view.back.disabled = data.position === 0;
  view.on.disabled = data.position + data.prompt.cropped + 1 >= data.prompt.first + data.prompt.labels.length;
  view.free.hidden = !data.locked;
  view.root.dataset.position = String(data.position);
  drawFacts(view);
  drawSettings(view);
  painted(view, "prediction");
  return cleanup(component);
}
