// The margins of the strips: what the model would say beside each line, or what each part adds to a logit, as bars.

import { property } from "../shared/colours.js";
import { el, put, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { light } from "../shared/lit.js";
import { short } from "../shared/numbers.js";
import { arrowsMove, keepStop, stopAt } from "../shared/roving.js";
import { chooseLook, segments } from "../shared/segments.js";
import { visible } from "../shared/text.js";
import { tokenAt } from "../shared/tokens.js";
import { barOf, signed } from "./bars.js";
import { LEAST, ROOM } from "./places.js";
import { writeTip } from "./strip_pointing.js";

/** @type {Record<string, [string, string]>} */
const MARGINS = {
  says: ["would say", "beside each line: what the model would say if it stopped there"],
  logit: ["logit", "beside each line: what that part adds to the logit of the next token (direct logit attribution)"],
  lead: ["lead", "beside each line: what that part adds to the lead of the next token over another one (direct logit attribution)"],
};

/** @type {Record<string, string>} */
const FORMULAS = { constant: "β · W_U, the same after every token", remainder: "what is left of the logit" };

/**
 * Builds the choice, the bars and the sentence on them; `view.margins`, `view.bars` and `view.meaning` hold them.
 * @param {View} view
 * @param {(part: any) => void} choose - called with the part that is clicked
 */
export function buildMargins(view, choose) {
  view.margins = segments("Margin of the map", MARGINS, (word) => chooseLook(view, "margin", word));
  view.bars = el("div", { class: "bars", role: "group", "aria-label": "What each part adds" });
  view.meaning = el("p", { class: "meaning", hidden: true });
  arrowsMove(view.bars);
  view.bars.addEventListener("click", (event) => {
    const part = view.partOf.get(event.target.closest("button"));
    if (part?.node) choose(part);
  });
  for (const [on, off] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    view.bars.addEventListener(on, (event) => tell(view, event.target.closest("button")));
    view.bars.addEventListener(off, () => tell(view, null));
  }
}

/** The part that stands for a node; undefined where there is none. */
export function partFor(view, node) {
  return view.data.adds?.parts.find((part) => part.node === node && part.kind !== "head");
}

/**
 * Draws the margins of the newest data.
 * @param {View} view
 */
export function drawMargins(view) {
  const { adds, margin } = view.data;
  view.margins.choose(margin);
  put(view.strips, "data-margin", margin);
  view.bars.hidden = view.meaning.hidden = !adds;
  if (!adds) return tell(view, null);
  drawMeaning(view);
  const parts = adds.parts;
  const key = JSON.stringify(parts.map(({ line, node, kind }) => [line, node, kind]));
  if (view.barsKey !== key) {
    view.barsKey = key;
    const focused = focusedElement()?.dataset.part;
    view.bars.replaceChildren(...parts.map(buttonOf));
    keepStop(view.bars);
    const again = view.bars.querySelector(`[data-part="${CSS.escape(focused ?? " ")}"]`);
    if (again) {
      stopAt(view.bars, again);
      again.focus();
    }
  }
  view.partOf = new Map(parts.map((part, i) => [view.bars.children[i], part]));
  for (const [button, part] of view.partOf) drawPart(view, button, part);
  tell(view, view.toldBar); // its number may be another one by now
}

function buttonOf({ node, kind }) {
  const name = kind === "remainder" ? [el("span", { class: "name" }, "remainder")] : [];
  return el("button", { type: "button", class: `added ${kind}`, "data-part": node || kind, "data-kind": kind }, ...name, el("i", { class: "axis" }), el("i", { class: "length" }), el("span", { class: "number" }));
}

function drawPart(view, button, part) {
  const { x, y, height } = placeOf(view, part);
  const place = `left: ${x}px; top: ${y}px; width: ${ROOM.right}px; height: ${height}px`;
  if (button.style.cssText !== place) button.style.cssText = place;
  const { from, width } = barOf(part, view.data.adds.most, ROOM.right);
  button.querySelector(".length").style.cssText = `left: ${from}px; width: ${width}px`;
  put(button, "data-value", part.value);
  put(button, "data-sign", part.value < 0 ? "negative" : "positive");
  put(button, "aria-label", sentence(view, part));
  put(button, "aria-pressed", part.node === view.data.selected);
  write(button.querySelector(".number"), written(part));
}

/** A part in few letters; the total, which has no bar: it may be larger than all of them. */
function written({ kind, value }) {
  return kind === "total" ? `= ${short(value)}` : signed(value);
}

/** Where the margin of a part is: beside its line; a head's below the keys that it reads. */
function placeOf(view, { line, kind }) {
  const x = ROOM.left + view.plan.strip + ROOM.gap;
  if (kind === "remainder") return { x, y: view.plan.remainder, height: LEAST };
  const { y, height } = view.places.find((place) => place.line.id === line);
  return kind === "head" ? { x, y: y + height - LEAST, height: LEAST } : { x, y, height };
}

// ---- in words ------------------------------------------------------------------------------------------------

function whatIsMeant(view) {
  const { token, versus } = view.data.adds;
  const what = versus === null ? `the logit of ${visible(token)}` : `the lead of ${visible(token)} over ${visible(versus)}`;
  return `${what} after ${tokenAt(view, view.data.position)}`;
}

function sentence(view, { label, kind, value, share }) {
  const what = whatIsMeant(view);
  if (kind === "total") return `all parts together: ${short(value)}, ${what}`;
  const part = share === null ? "" : `, ${percents(share)} of it`;
  const within = kind === "head" ? "; a share of its block's attention" : "";
  return `${label} adds ${short(value)} to ${what}${part}${within} · ${FORMULAS[kind] ?? "direct logit attribution"}`;
}

function percents(share) {
  const hundredths = 100 * share;
  return `${(Math.abs(hundredths) < 9.95 ? hundredths.toFixed(1) : hundredths.toFixed(0)).replace("-", "−")} %`;
}

function drawMeaning(view) {
  const { trouble, most, parts, chosen } = view.data.adds;
  if (trouble) return write(view.meaning, trouble);
  const total = parts.at(-1);
  write(view.meaning, `Direct logit attribution: what each part adds to ${whatIsMeant(view)}${chosen ? " (chosen in the Lab)" : ""}. All together ${short(total.value)}. The longest bar is ${short(most)}.`);
}

/** Tells of a part under the pointer, or with the focus. */
function tell(view, bar) {
  const part = view.partOf?.get(bar);
  if (!part && !view.toldBar) return;
  view.toldBar = part ? bar : null;
  view.tip.hidden = !part;
  light(view, part?.node ? [part.node] : []);
  if (!part) return;
  writeTip(view, placeOf(view, part), sentence(view, part));
}

// ---- in a picture --------------------------------------------------------------------------------------------

/** Draws the bars for a file, with what they are of. */
export function drawBarsOn(view, pen) {
  const { parts, most, trouble } = view.data.adds ?? { parts: [] };
  if (!parts.length || trouble) return;
  pen.textBaseline = "middle";
  for (const part of parts) {
    const { x, y, height } = placeOf(view, part);
    const { from, width } = barOf(part, most, ROOM.right);
    const middle = x + ROOM.right / 2;
    pen.fillStyle = property(view, part.value < 0 ? "--gs-negative" : "--gs-positive");
    pen.globalAlpha = part.kind === "head" ? 0.5 : 1;
    pen.fillRect(x + from, y + 4, width, height - 8);
    pen.globalAlpha = 1;
    pen.fillStyle = property(view, "--st-text-color");
    pen.font = `500 12px ${property(view, "--gs-mono")}`;
    const total = part.kind === "total";
    pen.fillRect(total ? x : middle - 0.5, y, total ? ROOM.right : 1, total ? 1 : height);
    pen.textAlign = total ? "center" : part.value < 0 ? "left" : "right";
    pen.fillText(written(part), total ? middle : middle + (part.value < 0 ? 4 : -4), y + height / 2);
    pen.font = `600 12.5px ${property(view, "--st-font")}`;
    pen.textAlign = "right";
    if (part.kind === "remainder") pen.fillText("remainder", ROOM.left - 10, y + height / 2);
  }
  pen.font = `500 12px ${property(view, "--st-font")}`;
  pen.fillText(`adds to ${whatIsMeant(view)}`, ROOM.left + view.plan.strip + ROOM.gap + ROOM.right, -ROOM.top / 2);
}
