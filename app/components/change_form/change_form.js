// The form that makes a change of the run. What is chosen stays while one looks at other places, as far as they have it.

import { el, put, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { report } from "../shared/sending.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

/** @type {Record<string, [string, string]>} */
const WAYS = {
  zero: ["off", "its numbers are 0"],
  scale: ["× number", "its numbers times a factor: 0 is off, 1 is as the model has it"],
  set: ["= number", "all its numbers are this one"],
  mean: ["mean", "its mean over a reference text, position by position: what it does for any text"],
  resample: ["resample", "what it is in a stretch of the reference text, which is drawn"],
  patch: ["patch", "what it is in another prompt, token by token: change a word below"],
};
const SOURCES = ["mean", "resample", "patch"];
const MOST = 1000; // characters of another text, as in changes/change.py

function build(root, view) {
  root.classList.add("card");
  root.dataset.role = "change_form";
  view.part = el("select", { "aria-label": "Part of the run", onchange: () => choosePart(view) });
  view.channel = el("input", { type: "number", min: 0, step: 1, "aria-label": "Channel" });
  view.ofChannel = el("label", {}, "channel ", view.channel);
  view.ways = el("div", { class: "segments", role: "radiogroup", "aria-label": "Kind of change" });
  view.meaning = el("p", { class: "soft" });
  view.number = el("input", { type: "number", step: "any", value: "0", "aria-label": "Number" });
  view.ofNumber = el("label", {}, "number ", view.number);
  view.other = el("textarea", { rows: 2, spellcheck: "false", maxlength: MOST, oninput: () => view.texts.set(textOf(view.way), view.other.value) });
  view.ofOther = el("label", { class: "other" }, view.other);
  view.go = el("button", { type: "submit", class: "quiet go", "data-role": "add-change" }, "change it");
  const close = el("button", { type: "button", class: "quiet", "aria-label": "close", title: "close (Esc)", onclick: () => report(view, { kind: "close" }) }, "×");
  const form = el(
    "form",
    {},
    view.ways,
    view.meaning,
    view.ofOther,
    el("div", { class: "row" }, view.ofChannel, view.ofNumber, el("span", { class: "push" }), view.go),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(view);
  });
  root.append(el("header", {}, el("h2", {}, "Change"), close, view.part), form); // Tab goes from the part to the ways
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    report(view, { kind: "close" });
  });
  Object.assign(view, { way: "zero", draw: 0, drawn: "", texts: new Map(), asked: 0, opener: focusedElement() });
  view.cleanups.push(() => giveBack(view));
  buildWays(view);
}

/** The focus goes back to the button that has opened the form, unless it is elsewhere by now. */
function giveBack({ opener }) {
  const now = focusedElement();
  if (opener?.isConnected && (now === null || now === document.body)) opener.focus({ preventScroll: true });
}

/** One stop of the Tab key; the arrows choose. */
function buildWays(view) {
  view.ways.append(...Object.entries(WAYS).map(([way, [word, title]]) => el("button", { type: "button", role: "radio", "data-way": way, title }, word)));
  view.ways.addEventListener("click", (event) => {
    const button = event.target.closest("[data-way]");
    if (button) chooseWay(view, button.dataset.way);
  });
  view.ways.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const offered = [...view.ways.children].filter((button) => !button.hidden);
    const at = offered.findIndex((button) => button.dataset.way === view.way);
    const next = offered[(at + step + offered.length) % offered.length];
    chooseWay(view, next.dataset.way);
    next.focus();
  });
}

function partNow(view) {
  return view.data.parts[view.part.selectedIndex] ?? view.data.parts[0];
}

function choosePart(view) {
  const part = partNow(view);
  view.chosen = part?.words;
  view.channel.value = String(part?.place.channel ?? "");
  draw(view);
}

function chooseWay(view, way) {
  view.way = way;
  if (way === "scale" && Number(view.number.value) === 0) view.number.value = "0.5";
  draw(view);
}

/** Which of the two other texts a way takes: the prompt of a patch, or the reference. */
function textOf(way) {
  return way === "patch" ? "prompt" : "reference";
}

/** The other text as it was typed; the other prompt begins as the present one, so that one changes a word. */
function drawOther(view, way) {
  const first = way === "patch" ? view.data.text.slice(0, MOST) : "";
  const text = view.texts.get(textOf(way)) ?? first;
  if (view.other.value !== text) view.other.value = text;
}

function add(view) {
  const part = partNow(view);
  if (!part) return;
  const place = { ...part.place };
  if (part.channels) place.channel = Math.round(Number(view.channel.value));
  const text = SOURCES.includes(view.way) ? view.other.value : "";
  const what = JSON.stringify([place, text]);
  if (view.way === "resample") view.draw = view.drawn === what ? view.draw + 1 : 0; // once more is another draw
  view.drawn = view.way === "resample" ? what : "";
  report(view, { kind: "add", part: place, how: view.way, number: Number(view.number.value) || 0, text, draw: view.draw });
}

function drawParts(view) {
  const words = view.data.parts.map((part) => part.words);
  const key = JSON.stringify(view.data.parts);
  if (view.partsKey === key) return;
  view.partsKey = key;
  view.part.replaceChildren(...words.map((word) => el("option", {}, word)));
  view.part.selectedIndex = view.chosen === undefined ? view.data.first : Math.max(0, words.indexOf(view.chosen));
  choosePart(view);
}

function draw(view) {
  const { data, way } = view;
  const part = partNow(view);
  const ways = part?.ways ?? Object.keys(WAYS);
  const now = ways.includes(way) ? way : ways[0];
  view.way = now;
  for (const button of view.ways.children) {
    button.hidden = !ways.includes(button.dataset.way);
    put(button, "aria-checked", button.dataset.way === now);
    button.tabIndex = button.dataset.way === now ? 0 : -1;
  }
  view.ofChannel.hidden = !part?.channels;
  view.channel.max = String((part?.channels ?? 1) - 1);
  view.ofNumber.hidden = now !== "scale" && now !== "set";
  view.number.min = now === "scale" ? "0" : "";
  view.number.max = now === "scale" ? String(data.largest) : "";
  view.ofOther.hidden = !SOURCES.includes(now);
  drawOther(view, now);
  view.other.required = now === "patch";
  put(view.other, "aria-label", now === "patch" ? "The other prompt" : "Reference text");
  view.other.placeholder = now === "patch" ? "type or paste a prompt" : `the model's own: ${data.own}. Or paste one here`;
  write(view.meaning, WAYS[now][1]);
  write(view.go, now === "resample" && view.drawn ? "draw another" : "change it");
  view.go.disabled = !part;
}

export default function (component) {
  const view = viewOf(component, build);
  const first = view.partsKey === undefined;
  const asked = view.data.asked > view.asked; // at another place: what is there, whatever was chosen before
  if (asked) Object.assign(view, { asked: view.data.asked, opener: focusedElement(), chosen: undefined, partsKey: undefined });
  drawParts(view);
  draw(view);
  if (first || asked) view.part.focus({ preventScroll: true });
  painted(view, "change_form");
  return cleanup(component);
}
