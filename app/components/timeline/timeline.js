// The training as a rail: one stop for each snapshot and one for the model that was opened; behind the slider the curves
// of the training, which come through the `training_curves` component (they seldom change). Stops are evenly spaced: their
// labels tell the steps.

import { el, svg } from "../shared/dom.js";
import { offerPicture, svgPicture } from "../shared/pictures.js";
import { nextNumber, oneInFlight } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";
import { drawCurves, drawLine } from "./curves.js";
import { openable, setOpen, shut } from "./opening.js";
import { BEFORE, BEHIND } from "./places.js";
import { arrive, pause, play, speeds } from "./playing.js";
import { hide, reading } from "./reading.js";
import { stopsOf } from "./series.js";
import { drawKinds, drawValues, side } from "./side.js";

const ASK = 2000; // ms after which a growing history is asked for

/** The curves, which the closed strip does not show: it is open meanwhile. */
async function picture(view) {
  const before = view.open;
  setOpen(view, "focus");
  await new Promise((drawn) => setTimeout(drawn, 100));
  const made = await svgPicture(view.svg);
  setOpen(view, before);
  return made;
}

function build(root, view) {
  root.classList.add("rail");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Training");
  view.icon = svg("path");
  const sign = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, view.icon);
  view.button = el("button", { type: "button", class: "play", onclick: () => (view.playing ? pause(view) : play(view)) }, sign);
  view.svg = svg("svg", { "aria-hidden": "true" });
  view.slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Step of the training", "data-role": "timeline" });
  view.slider.style.cssText = `left: ${BEFORE}px; width: calc(100% - ${BEFORE + BEHIND}px)`;
  view.slider.addEventListener("input", () => slid(view));
  view.slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    view.button.click();
  });
  view.chart = el("div", { class: "chart" });
  view.chart.append(el("span", { class: "title" }, "training"), view.svg, ...reading(view, view.chart), view.slider);
  const lines = side(view, {
    tell: () => tell(view, view.data.at),
    back: () => back(view),
    pick: (found) => pick(view, found),
    shut: () => shut(view),
  });
  const box = el("div", { class: "box" }, el("div", { class: "plays" }, speeds(view), view.button), view.chart, lines);
  for (const each of box.querySelectorAll("button, select")) each.tabIndex = -1; // arrows lead there
  root.append(box);
  offerPicture(view, "training", () => picture(view));
  view.ask = (index) => tell(view, stepAt(view, index));
  view.flight = oneInFlight((value) => view.send("event", value));
  view.redraw = () => draw(view);
  onResize(view, view.chart, () => draw(view));
  openable(view);
  comeAndGo(view);
  pause(view);
}

/** Asks and listens while the strip stands, and leaves nothing behind when it goes. */
function comeAndGo(view) {
  const asking = setInterval(() => askForMore(view), ASK);
  listen(view, "gptscope:training_curves", () => view.data && update(view));
  view.cleanups.push(() => {
    clearInterval(asking);
    clearInterval(view.playing);
    view.flight.stop();
  });
}

function askForMore(view) {
  if (view.data?.growing && !view.playing && !document.hidden && view.flight.idle()) tell(view, view.data.at);
}

// ---- moving --------------------------------------------------------------------------------------------------

/** Each message carries the step, the score and the last head that was picked, so that the newest says everything. */
function tell(view, step) {
  view.asked = step;
  view.flight.offer({ source: view.data.source, step, kind: view.kind.value, pick: view.picked ?? null });
}

/** The step of a stop; null for the model that was opened. */
function stepAt(view, index) {
  return view.stops[index] ?? null;
}

function indexOf(view, step) {
  const found = view.stops.indexOf(step);
  return found < 0 ? view.stops.indexOf(null) : found;
}

function go(view, index) {
  view.slider.value = index;
  name(view, stepAt(view, index));
  tell(view, stepAt(view, index));
}

function name(view, step) {
  moveDot(view);
  const words = step === null ? `${view.history.opened.name} model` : `step ${step}`;
  if (view.slider.getAttribute("aria-valuetext") !== words) view.slider.setAttribute("aria-valuetext", words);
}

function slid(view) {
  pause(view);
  if (view.history) go(view, Number(view.slider.value));
}

function back(view) {
  pause(view);
  if (!view.history) return;
  view.slider.focus(); // for this button is about to vanish
  go(view, indexOf(view, null));
}

/** Chooses a head, and moves to the step that it was found at, where there is one; it has a number of its own. */
function pick(view, { layer, head, step }) {
  pause(view);
  view.picked = { layer, head, seq: nextNumber() };
  if (step !== undefined && view.history) go(view, indexOf(view, step));
  else tell(view, view.history ? stepAt(view, Number(view.slider.value)) : view.data.at);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function draw(view) {
  if (!view.history) return;
  const { kind, layer, head } = view.data;
  const { width, height } = spaceOf(view, view.chart);
  const open = view.open !== "";
  const key = JSON.stringify([view.data.history_key, kind, layer, head, width, height, open]);
  if (view.drawn === key) return;
  view.drawn = key;
  const what = { kind, chosen: [layer, head], width, height };
  view.dots = open ? null : drawLine(view.svg, view.history, what);
  if (open) drawCurves(view.svg, view.history, what);
  hide(view);
  moveDot(view);
}

/** The dot of the closed strip stands where the slider does. */
function moveDot(view) {
  const at = view.dots?.[Number(view.slider.value)];
  const dot = view.svg.querySelector(".dot");
  if (!at || !dot) return;
  dot.setAttribute("cx", at.x.toFixed(1));
  dot.setAttribute("cy", at.y.toFixed(1));
}

function update(view) {
  const { data } = view;
  const found = window.gptscopeHistories?.get(data.history_key);
  if (found) {
    view.history = found;
    view.stops = stopsOf(found);
    view.slider.max = found.steps.length;
    if (view.flight.idle()) {
      view.slider.value = indexOf(view, data.at);
      name(view, data.at);
      arrive(view);
    }
    drawKinds(view);
    draw(view);
  }
  drawValues(view);
}

export default function (component) {
  const view = viewOf(component, build);
  view.flight.acknowledge(view.data.ack);
  update(view);
  window.dispatchEvent(new CustomEvent("gptscope:moment", { detail: view.data.at === null ? "" : view.data.moment }));
  painted(view, "timeline");
  return cleanup(component);
}
