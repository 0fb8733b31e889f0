// A model that is only supposed: its sizes at the left, the map with all costs, and where they go at the right.

import { el, write } from "../shared/dom.js";
import { answered, sent, tellHere } from "../shared/here.js";
import { oneInFlight } from "../shared/sending.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { buildControls, drawControls } from "./controls.js";
import { buildCurves, drawCurves } from "./curves.js";
import { buildLines, drawLines } from "./lines.js";
import { buildMeasured, drawMeasured } from "./measured.js";
import { buildParts, drawParts } from "./parts.js";
import { buildPowers, drawPowers } from "./powers.js";
import { buildTotals, drawTotals } from "./totals.js";
import { wordsOf } from "./words.js";

function build(root, view) {
  view.flight = oneInFlight((value) => {
    sent(value.seq);
    view.send("event", { ...value, origin: view.data.origin });
  });
  view.cleanups.push(() => view.flight.stop());
  view.answers = el("dl", { class: "answers" });
  view.warning = el("p", { class: "warning", role: "status", "aria-live": "polite" });
  const words = el("section", { class: "card words" }, el("header", {}, el("h2", {}, "In words")), view.answers);
  view.place = el("div", { class: "drawn" }, buildTotals(view), view.warning, buildLines(view));
  root.append(
    el("div", { class: "asked scroll" }, buildControls(view), words),
    view.place,
    el("div", { class: "told scroll" }, buildParts(view), buildPowers(view), buildCurves(view), buildMeasured(view)),
  );
}

function drawAnswers(view) {
  const { answers } = view.data;
  const key = JSON.stringify(answers);
  if (view.answersKey === key) return;
  view.answersKey = key;
  const parts = answers.flatMap(({ question, answer }) => [
    el("dt", {}, ...wordsOf(view, question)),
    el("dd", {}, ...wordsOf(view, answer)),
  ]);
  view.answers.replaceChildren(...parts);
}

/** What is drawn is the last possible model: said, and seen. */
function drawWarning(view) {
  const { last } = view.data;
  write(view.warning, last && `Still drawn: the last possible settings, ${last}.`);
  view.warning.hidden = !last;
  view.root.dataset.possible = String(!last);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  if (view.told !== data) {
    view.told = data; // not when only the theme has changed
    tellHere(data.origin, data.state);
    answered(data.ack);
    view.flight.acknowledge(data.ack);
  }
  drawControls(view);
  drawWarning(view);
  drawTotals(view);
  drawLines(view);
  drawAnswers(view);
  drawParts(view);
  drawPowers(view);
  drawCurves(view);
  drawMeasured(view);
  root.dataset.drawn = data.drawn;
  painted(view, "supposed_sizes");
  return cleanup(component);
}
