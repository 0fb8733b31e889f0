// The timeline: one stop for each snapshot and one for the model that was opened; behind the slider the curves of the training,
// which come through the `history` component (they seldom change). Stops are evenly spaced: their labels tell the steps.

import { el, svg, write } from "../shared/dom.js";
import { short } from "../shared/numbers.js";
import { oneInFlight } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";
import { drawCurves, MARGIN } from "./curves.js";

const BEAT = 250; // ms from stop to stop while it plays
const ASK = 2000; // ms after which a growing history is asked for
const HEIGHT = 92; // px of the strip and the gap below it
const NAMES = { val_loss: "val loss", train_loss: "train loss", val_accuracy: "accuracy" };
const ICONS = { play: "M4 2.5v11l9-5.5z", pause: "M4 3h3v10H4zM9 3h3v10H9z" };

function build(root, view) {
  root.classList.add("card");
  view.icon = svg("path");
  const sign = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, view.icon);
  view.button = el("button", { type: "button", class: "play", onclick: () => (view.playing ? pause(view) : play(view)) }, sign);
  view.svg = svg("svg", { "aria-hidden": "true" });
  view.slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Step of the training", "data-role": "timeline" });
  view.slider.style.cssText = `left: ${MARGIN}px; width: calc(100% - ${2 * MARGIN}px)`;
  view.slider.addEventListener("input", () => slid(view));
  view.slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    view.button.click();
  });
  view.chart = el("div", { class: "chart" }, view.svg, view.slider);
  view.moment = el("strong", { class: "number", role: "status", "data-role": "moment" });
  view.back = el("button", { type: "button", class: "quiet push", onclick: () => back(view) });
  view.losses = el("div", { class: "line" });
  view.kind = el("select", { "aria-label": "Score of the heads", onchange: () => tell(view, view.data.at) });
  view.who = el("span", { class: "number" });
  view.score = el("output", { class: "number score" });
  const line = el("div", { class: "line" }, view.kind, view.who, view.score);
  root.append(view.button, view.chart, el("div", { class: "side" }, el("div", { class: "line" }, view.moment, view.back), view.losses, line));
  view.flight = oneInFlight((value) => view.send("event", value));
  view.redraw = () => draw(view);
  onResize(view, view.chart, () => draw(view));
  comeAndGo(view);
  pause(view);
}

/** Tells the page how much room the strip takes, and leaves nothing behind when it goes. */
function comeAndGo(view) {
  const asking = setInterval(() => askForMore(view), ASK);
  document.documentElement.style.setProperty("--gs-timeline-height", `${HEIGHT}px`);
  listen(view, "gptscope:history", () => view.data && update(view));
  view.cleanups.push(() => {
    document.documentElement.style.removeProperty("--gs-timeline-height");
    clearInterval(asking);
    clearInterval(view.playing);
    view.flight.stop();
  });
}

function askForMore(view) {
  if (view.data?.growing && !view.playing && !document.hidden && view.flight.idle()) tell(view, view.data.at);
}

// ---- moving --------------------------------------------------------------------------------------------------

/** Each message carries the step and the score, so that the newest alone says everything. */
function tell(view, step) {
  view.asked = step;
  view.flight.offer({ source: view.data.source, step, kind: view.kind.value });
}

/** The step of a stop; null for the last stop, the model that was opened. */
function stepAt(view, index) {
  return view.history.steps[index] ?? null;
}

function indexOf(view, step) {
  const { steps } = view.history;
  const found = steps.indexOf(step);
  return found < 0 ? steps.length : found;
}

function go(view, index) {
  view.slider.value = index;
  name(view, stepAt(view, index));
  tell(view, stepAt(view, index));
}

function name(view, step) {
  const words = step === null ? `${view.history.last} model` : `step ${step}`;
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
  go(view, view.history.steps.length);
}

// ---- playing -------------------------------------------------------------------------------------------------

function play(view) {
  if (!view.history) return;
  const last = view.history.steps.length;
  if (Number(view.slider.value) >= last) go(view, 0);
  view.playing = setInterval(() => {
    if (!view.flight.idle()) return; // what was asked for is not painted yet
    const next = Number(view.slider.value) + 1;
    if (next <= last) go(view, next);
    if (next >= last) pause(view);
  }, BEAT);
  drawButton(view);
}

function pause(view) {
  clearInterval(view.playing);
  view.playing = null;
  drawButton(view);
}

function drawButton(view) {
  const what = view.playing ? "pause" : "play";
  view.icon.setAttribute("d", ICONS[what]);
  view.button.setAttribute("aria-label", view.playing ? "Pause" : "Play the training");
  view.root.dataset.playing = String(Boolean(view.playing));
}

// ---- drawing -------------------------------------------------------------------------------------------------

function draw(view) {
  if (!view.history) return;
  const { kind, layer, head } = view.data;
  const { width, height } = spaceOf(view, view.chart);
  const key = JSON.stringify([view.data.history_key, kind, layer, head, width, height]);
  if (view.drawn === key) return;
  view.drawn = key;
  drawCurves(view.svg, view.history, { kind, chosen: [layer, head], width, height });
}

function drawKinds(view) {
  const { kinds, last } = view.history;
  write(view.back, `${last} model`);
  const key = kinds.map(({ name }) => name).join(" ");
  if (view.kinds !== key) {
    view.kinds = key;
    view.kind.replaceChildren(...kinds.map(({ name, meaning }) => el("option", { value: name, title: meaning }, name)));
  }
  view.kind.hidden = kinds.length === 0;
  if (!view.flight.idle()) return; // the user is ahead of the server
  view.kind.value = view.data.kind;
}

function drawValues(view) {
  const { at, moment, losses, kind, score, layer, head } = view.data;
  write(view.moment, moment);
  view.back.style.visibility = at === null ? "hidden" : "visible";
  const told = Object.entries(NAMES).filter(([name]) => losses[name] !== undefined);
  const text = ([name, words]) => `${words} ${name === "val_accuracy" ? percent(losses[name]) : short(losses[name])}`;
  const key = told.map(text).join(" ");
  if (view.told !== key) {
    view.told = key;
    view.losses.replaceChildren(...told.map((each) => el("span", { class: each[0] }, text(each))));
  }
  write(view.who, kind ? `of head ${layer}.${head}:` : "");
  write(view.score, !kind ? "" : score === null ? "—" : score.toFixed(3));
  view.score.title = score === null ? "measured at the snapshots" : String(score);
  view.kind.title = view.history?.kinds.find(({ name }) => name === kind)?.meaning ?? "";
}

function percent(share) {
  return typeof share === "number" ? `${(100 * share).toFixed(1)} %` : short(share);
}

function update(view) {
  const { data } = view;
  const found = window.gptscopeHistories?.get(data.history_key);
  if (found) {
    view.history = found;
    view.slider.max = found.steps.length;
    if (view.flight.idle()) {
      // What cannot be shown is not gone on from.
      if (view.playing && view.asked !== data.at) pause(view);
      view.slider.value = indexOf(view, data.at);
      name(view, data.at);
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
