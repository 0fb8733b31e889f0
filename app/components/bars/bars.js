// Numbers as bars from a common zero, a button each. One stop of the Tab key; a click or Enter reports a bar's place.

import { el, put } from "../shared/dom.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { short } from "../shared/numbers.js";
import { report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const ROOM = 70; // px beside the longest bars, for their numbers

function build(root, view) {
  view.rows = el("div", { class: "rows", role: "group" });
  root.append(view.rows);
  arrowsMove(view.rows);
  view.rows.addEventListener("click", (event) => {
    const place = event.target.closest("button")?.dataset.place;
    if (place) report(view, { point: place, origin: view.data.origin });
  });
}

/** Writes a number as in all the house's bars: three digits behind the point. */
function written(value, signed) {
  if (typeof value !== "number") return short(value);
  return `${signed && value > 0 ? "+" : ""}${value.toFixed(3)}`.replace("-", "−");
}

function newRow(data, ends, row) {
  const { value, total, place, words } = row;
  const long = typeof value === "number" ? value : 0; // what is no number has no length
  const [low, high] = ends;
  const share = (at) => (at - low) / (high - low || 1);
  const [sideLow, sideHigh] = [low < 0 ? ROOM : 0, ROOM];
  const across = (at) => `calc(${sideLow}px + ${share(at)} * (100% - ${sideLow + sideHigh}px))`;
  const bar = el("span", { class: "bar", "data-sign": total ? "total" : long < 0 ? "negative" : "positive" });
  bar.style.left = across(Math.min(0, long));
  bar.style.width = `calc(${Math.abs(share(long) - share(0))} * (100% - ${sideLow + sideHigh}px))`;
  const number = el("span", { class: long < 0 ? "value number before" : "value number" }, written(value, data.signed));
  number.style.left = across(long);
  const zero = el("span", { class: "zero" });
  zero.style.left = across(0);
  const further = (words ?? []).map((each) => el("span", { class: "words" }, ...each.map((word) => el("span", { class: "word" }, visible(word)))));
  const told = data.columns.map((title, i) => `; ${title} ${(words?.[i] ?? []).map(visible).join(", ")}`).join("");
  return el(
    "button",
    {
      type: "button",
      class: total ? "row total" : "row",
      "data-place": place,
      "data-value": value,
      "aria-disabled": place ? null : "true",
      "aria-pressed": data.chosen ? String(place === data.chosen) : null,
      "aria-label": `${row.label}: ${written(value, data.signed)} ${data.unit}${told}`,
    },
    el("span", { class: "label" }, row.label),
    el("span", { class: "track" }, zero, bar, number),
    ...further,
  );
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  if (view.drawn !== data) {
    view.drawn = data;
    const values = data.rows.map(({ value }) => value).filter((value) => typeof value === "number");
    const ends = [Math.min(0, ...values), Math.max(0, ...values)];
    const focused = view.rows.querySelector("button:focus")?.getAttribute("data-place");
    put(view.rows, "aria-label", data.label);
    view.rows.style.setProperty("--columns", String(data.columns.length));
    view.rows.classList.toggle("worded", data.columns.length > 0);
    const titles = ["", data.unit, ...data.columns].map((title) => el("span", {}, title));
    const head = el("div", { class: "titles soft", "aria-hidden": "true" }, ...titles);
    view.rows.replaceChildren(head, ...data.rows.map((row) => newRow(data, ends, row)));
    keepStop(view.rows);
    if (focused) [...view.rows.querySelectorAll("button")].find((row) => row.dataset.place === focused)?.focus();
  }
  painted(view, "bars");
  return cleanup(component);
}
