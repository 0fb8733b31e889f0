// The changes of the run: each can be switched on and off, scaled, and taken away; all can be switched off at once, taken
// back step by step, brought back, and copied as code. The line stays when the last one is taken away: there is a way back.

import { tellChanges } from "../shared/changed.js";
import { el, put, write } from "../shared/dom.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { onRest } from "../shared/rest.js";
import { nextNumber, oneInFlight } from "../shared/sending.js";
import { showMore, wheelMoves } from "../shared/sideways.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { buildAll, offerAll } from "./more.js";

const TOLD = 1500; // ms

function build(root, view) {
  view.told = el("strong", { class: "told", role: "status" });
  view.list = el("div", { class: "list", role: "group", "aria-label": "Changes of the run" });
  const copy = el("button", { type: "button", class: "quiet", title: "Python that makes the same run", onclick: () => copyCode(view) }, "copy code");
  const clear = el("button", { type: "button", class: "quiet", "data-role": "clear-changes", title: "take all changes away; ↶ brings them back", onclick: () => view.flight.offer({ kind: "clear" }) }, "remove all");
  Object.assign(view, { copy, clear });
  const button = (role, act, text, title) => el("button", { type: "button", class: "quiet", "data-role": role, title, onclick: act }, ...[text].flat());
  view.keep = button("keep-patterns", () => view.flight.offer({ kind: "keep", on: !view.data.keeps }), ["keep", el("span", { class: "more" }, " patterns")], "every pattern behind the changes stays as it is without them: one sees what the changed parts write, not where later heads look because of it (pattern-preserving ablation)");
  put(view.keep, "aria-label", "keep patterns");
  view.mute = button("mute-changes", () => view.flight.offer({ kind: "mute", on: !view.data.muted }), "all off", "all changes off at once, to compare; each keeps its own state");
  view.undo = button("undo-change", () => view.flight.offer({ kind: "undo" }), "↶", "take the last change of this list back (Ctrl+Z outside the prompt)");
  put(view.undo, "aria-label", "take the last change back");
  view.redo = button("redo-change", () => view.flight.offer({ kind: "redo" }), "↷", "bring back what was taken back last (Ctrl+Shift+Z outside the prompt)");
  put(view.redo, "aria-label", "bring the last change back");
  view.forget = button("forget-changes", () => view.flight.offer({ kind: "forget" }), "×", "close this line: what was taken away can then no longer be brought back");
  put(view.forget, "aria-label", "close this line");
  view.buttons = el("div", { class: "buttons", role: "group", "aria-label": "All changes" }, view.undo, view.redo, view.mute, view.keep, copy, clear);
  arrowsMove(view.buttons);
  view.goneText = el("span", {});
  const read = button("close-gone", () => view.flight.offer({ kind: "read-gone" }), "×", "close this sentence");
  put(read, "aria-label", "close this sentence");
  view.gone = el("p", { class: "gone", role: "status", "data-role": "gone" }, view.goneText, read);
  root.append(view.gone, view.told, view.buttons, buildAll(view), view.list, view.forget);
  view.chips = new Map();
  view.flight = oneInFlight((value) => view.send("event", value));
  view.cleanups.push(() => view.flight.stop(), () => tellChanges(0));
  arrowsMove(view.list);
  showMore(view, view.list);
  wheelMoves(view.list);
  onRest(view, () => askIfLate(view));
}

/** The losses of a large model take longer than a key may: they are asked for when typing pauses. */
function askIfLate(view) {
  const { late, text, step, listed, keeps } = view.data;
  const key = JSON.stringify([text, step, listed, keeps]);
  if (!late || view.asked === key || !view.flight.idle()) return;
  view.asked = key;
  view.send("event", { kind: "read", text, seq: nextNumber() });
}

async function copyCode(view) {
  let said = "copied";
  try {
    await navigator.clipboard.writeText(view.data.code);
  } catch {
    said = "not allowed";
  }
  write(view.copy, said);
  setTimeout(() => write(view.copy, "copy code"), TOLD);
}

function newChip(view, key) {
  const box = el("button", { type: "button", class: "box", role: "checkbox", onclick: () => toggle(view, key, box) }, el("span", { class: "tick", "aria-hidden": "true" }), el("span", { class: "words number" }));
  const slider = el("input", { type: "range", min: 0, step: 0.1, oninput: () => view.flight.offer({ kind: "scale", key, factor: Number(slider.value) }) });
  const cross = el("button", { type: "button", class: "cross", onclick: () => view.flight.offer({ kind: "remove", key }) }, "×");
  return el("span", { class: "chip" }, box, slider, cross);
}

function toggle(view, key, box) {
  view.flight.offer({ kind: "toggle", key, on: box.getAttribute("aria-checked") !== "true" });
}

function drawChip(view, chip, { words, title, on, waits, factor, name, how, head }) {
  const [box, slider, cross] = chip.children;
  const told = waits ? `${words} (no such token yet)` : words;
  put(box, "aria-checked", on);
  put(box, "title", `${told}: click to switch this change ${on ? "off" : "on"}${title ? `; ${title}` : ""}`);
  write(box.firstChild, on ? "✓" : "");
  write(box.lastChild, told);
  put(cross, "aria-label", `take away: ${words}`);
  put(cross, "title", `take away: ${words}`);
  slider.hidden = factor === null;
  slider.max = String(view.data.largest);
  put(slider, "aria-label", `factor of ${name}${head === null ? "" : `, head ${head}`}`);
  put(slider, "title", "its output times this factor; 0 is off, 1 is as the model has it");
  if (factor !== null && view.flight.idle()) slider.value = String(factor);
  chip.classList.toggle("on", on && !waits && !view.data.muted);
  const handles = on && !view.data.muted ? { role: "edit", name, how, head: head ?? "" } : {};
  for (const each of ["role", "name", "how", "head"]) {
    if (each in handles) chip.dataset[each] = String(handles[each]);
    else delete chip.dataset[each];
  }
}

/** Chips stay the same elements, so that a slider under the hand and the focus stay. */
function drawList(view) {
  const keys = view.data.listed.map(({ key }) => key);
  for (const [key, chip] of view.chips) {
    if (keys.includes(key)) continue;
    if (chip.contains(view.root.getRootNode().activeElement)) view.lost = true;
    chip.remove();
    view.chips.delete(key);
  }
  const comes = view.chips.size > 0 && keys.some((key) => !view.chips.has(key));
  view.data.listed.forEach((each, i) => {
    if (!view.chips.has(each.key)) view.chips.set(each.key, newChip(view, each.key));
    const chip = view.chips.get(each.key);
    if (view.list.children[i] !== chip) view.list.insertBefore(chip, view.list.children[i] ?? null);
    drawChip(view, chip, each);
  });
  offerAll(view);
  if (comes) view.list.scrollLeft = view.list.scrollWidth; // what was just made is in sight
  keepStop(view.list);
}

/** The buttons for what is there: without changes, only the way back is left. */
function drawButtons(view) {
  const { listed, keeps, muted, undo, redo } = view.data;
  const none = listed.length === 0;
  const focused = view.buttons.contains(view.root.getRootNode().activeElement) || view.lost;
  view.root.classList.toggle("none", none);
  for (const button of [view.mute, view.keep, view.copy, view.clear, view.list]) button.hidden = none;
  view.forget.hidden = !none;
  put(view.keep, "aria-pressed", keeps);
  put(view.mute, "aria-pressed", muted);
  view.undo.disabled = !undo;
  view.redo.hidden = !redo;
  write(view.undo, none ? "↶ undo" : "↶");
  write(view.redo, none ? "↷ redo" : "↷");
  keepStop(view.buttons);
  const active = view.root.getRootNode().activeElement;
  if (focused && (!active || active.hidden || active.disabled)) [view.undo, view.redo, view.forget].find((each) => !each.hidden && !each.disabled)?.focus();
  view.lost = false;
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  view.flight.acknowledge(data.ack);
  write(view.told, data.told);
  view.told.title = data.told;
  write(view.goneText, data.gone);
  view.gone.hidden = !data.gone;
  drawList(view);
  drawButtons(view);
  tellChanges(data.muted ? 0 : data.listed.filter(({ on, waits }) => on && !waits).length);
  painted(view, "changes");
  return cleanup(component);
}
