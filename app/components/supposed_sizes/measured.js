// How long each part of the run on the screen takes on this machine, beside its FLOPs.

import { amount } from "../shared/amounts.js";
import { el, write } from "../shared/dom.js";
import { nextNumber } from "../shared/sending.js";
import { tell } from "./controls.js";

export function buildMeasured(view) {
  view.measureButton = el("button", { type: "button", class: "quiet", "data-role": "measure", onclick: () => measure(view) }, "Measure");
  view.measuredOf = el("p", { class: "soft" });
  view.measuredRows = el("tbody", {});
  view.measuredTable = el(
    "table",
    { class: "list" },
    el("thead", {}, el("tr", {}, ...["part", "time", "", "FLOPs", "a second"].map((words) => (words ? el("th", { scope: "col" }, words) : el("td", {}))))),
    view.measuredRows,
  );
  view.measuredNote = el("p", { class: "soft" });
  return el(
    "section",
    { class: "card measured", "data-role": "measured" },
    el("header", {}, el("h2", {}, "Measured on this machine"), el("span", { class: "push" }), view.measureButton),
    view.measuredOf,
    view.measuredTable,
    view.measuredNote,
  );
}

function measure(view) {
  view.measure = { seq: nextNumber() };
  view.measuring = view.data;
  view.measureButton.disabled = true;
  write(view.measureButton, "Measuring …");
  tell(view);
}

/** Writes seconds as milliseconds, with three digits. */
function milliseconds(seconds) {
  return `${(1000 * seconds).toPrecision(3)} ms`;
}

function row(name, concept, seconds, whole, flops) {
  const bar = el("td", { class: `bar concept-${concept}` }, el("i", {}));
  bar.style.setProperty("--share", `${Math.max(0, (100 * seconds) / whole).toFixed(1)}%`);
  const cells = [
    el("th", { scope: "row" }, el("i", { class: `dot concept-${concept}` }), name),
    el("td", { class: "number" }, milliseconds(seconds)),
    bar,
    el("td", { class: "number" }, flops ? amount(flops, "FLOP") : "–"),
    el("td", { class: "number" }, flops ? amount(flops / seconds, "FLOP") : ""),
  ];
  return el("tr", { "data-part": name, "data-seconds": seconds, "data-flops": flops }, ...cells);
}

export function drawMeasured(view) {
  const { measured, run } = view.data;
  if (view.measuring && view.measuring !== view.data && view.flight.idle()) view.measuring = null;
  view.measureButton.disabled = Boolean(view.measuring);
  write(view.measureButton, view.measuring ? "Measuring …" : measured ? "Measure again" : "Measure");
  write(view.measuredOf, measured ? `${run}: one forward pass` : `${run}: not measured yet. A few passes of the model on the screen, each part by the clock.`);
  view.measuredTable.hidden = view.measuredNote.hidden = !measured;
  if (!measured || view.measuredOld === measured) return;
  view.measuredOld = measured;
  const { rows, whole, rest, bare, passes, threads } = measured;
  const flops = rows.reduce((sum, each) => sum + each.flops, 0);
  view.measuredRows.replaceChildren(
    ...rows.map((each) => row(each.name, each.concept, each.seconds, whole, each.flops)),
    row("the rest", "residual", rest, whole, 0),
    row("the whole", "plain", whole, whole, flops),
  );
  write(
    view.measuredNote,
    `The pass of median length of ${passes}, on ${threads} thread${threads === 1 ? "" : "s"}; without clocks ${milliseconds(bare)}. The rest: sums on the residual stream and Python's steps. The head's FLOPs are those of the last position, for which alone it runs here.`,
  );
}
