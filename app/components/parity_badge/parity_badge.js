// A line of text that asks to be measured anew when the prompt has come to rest.

import { isChanged, onChanges } from "../shared/changed.js";
import { el, write } from "../shared/dom.js";
import { tellParity } from "../shared/parity.js";
import { onRest, rested } from "../shared/rest.js";
import { report } from "../shared/sending.js";
import { cleanup, listen, viewOf } from "../shared/view.js";

const LATE = 5000; // ms without an answer: the run that measured may have been stopped before it could tell
const AGAIN = 1000; // ms after an update that was no answer, until it is asked again
const SIGNS = { good: "✓", bad: "≠", none: "" };

function build(root, view) {
  view.moment = el("strong", { class: "moment number" });
  view.sign = el("span", { "aria-hidden": "true" });
  view.label = el("span", { class: "number" });
  view.without = el("span", { class: "without number", title: "measured on the run without the changes" });
  root.append(view.moment, view.sign, view.label, view.without);
  onRest(view, (text) => askIfNew(view, text));
  view.cleanups.push(() => clearTimeout(view.again));
  onChanges(view, () => drawMeasured(view));
  listen(view, "gptscope:moment", (event) => tellMoment(view, event.detail));
  listen(view, "gptscope:measure", () => view.text !== undefined && ask(view, view.text));
  listen(view, "gptscope:shown", (event) => tellText(view, event.detail));
}

/** Which weights the page shows: no number of the header may be taken for theirs. */
function tellMoment(view, moment) {
  view.now = moment;
  write(view.moment, moment);
  view.moment.hidden = !moment;
  drawMeasured(view);
}

function tellText(view, text) {
  view.text = text;
  drawMeasured(view);
}

/** What was measured, as long as the page shows what it was measured on. */
function drawMeasured(view) {
  if (!view.told) return;
  const holds = JSON.stringify([view.text, view.now]) === view.measured;
  tellParity(holds && view.told.difference ? { difference: view.told.difference, kind: view.told.kind } : null);
  write(view.without, holds && isChanged() ? "unchanged" : "");
  const [kind, label] = holds ? [view.told.kind, view.told.label] : ["none", "parity …"];
  if (view.label.textContent === label && view.root.dataset.kind === kind) return;
  view.root.dataset.kind = kind;
  write(view.sign, SIGNS[kind]);
  write(view.label, label);
}

/** Asks once for a prompt and a moment of the training; the next update is the answer, or was overtaken. */
function askIfNew(view, text) {
  const key = JSON.stringify([text, view.now]);
  if (key === view.measured || key === view.asked) return;
  ask(view, text);
}

function ask(view, text) {
  view.asked = JSON.stringify([text, view.now]);
  report(view, { text });
  clearTimeout(view.again);
  view.again = setTimeout(() => {
    view.asked = undefined;
    askAgain(view);
  }, LATE);
}

/** What was overtaken is asked for again. */
function askAgain(view) {
  const text = rested();
  if (text !== null && view.root.isConnected) askIfNew(view, text);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  view.asked = undefined;
  view.measured = JSON.stringify([data.text, data.moment]);
  if (view.told !== data) {
    // not when only the theme has changed
    view.told = data;
    // Else the prompt itself tells it; but what it told before this was there, nobody has heard.
    if (!data.typed || (view.text ?? null) === null) view.text = data.text;
    tellMoment(view, data.moment);
  }
  clearTimeout(view.again);
  view.again = setTimeout(() => askAgain(view), AGAIN);
  root.title = data.title;
  root.dataset.panel = "parity_badge";
  root.dataset.text = data.text ?? "";
  return cleanup(component);
}
