// Playing the training: from stop to stop by itself, at one of three speeds, until the end. The slider stands at what is
// painted: each stop is only asked for, and its answer moves the slider.

import { el } from "../shared/dom.js";

const WHOLE = 5000; // ms from the first stop to the last at the speed 1
const BEATS = [250, 1500]; // ms of the shortest and the longest stay at a stop
const SPEEDS = { "2×": 2, "1×": 1, "½×": 0.5 };
const ICONS = { play: "M4 2.5v11l9-5.5z", pause: "M4 3h3v10H4zM9 3h3v10H9z" };

/**
 * Returns the buttons of the speeds.
 * @param {View} view
 */
export function speeds(view) {
  view.speed = 1;
  const buttons = Object.entries(SPEEDS).map(([name, speed]) =>
    el("button", { type: "button", "data-speed": speed, "aria-label": `Speed ${name}`, onclick: () => choose(view, speed) }, name)
  );
  view.speeds = buttons;
  mark(view);
  return el("div", { class: "speeds", role: "group", "aria-label": "Speed" }, ...buttons);
}

function mark(view) {
  for (const button of view.speeds) button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === view.speed));
}

function choose(view, speed) {
  view.speed = speed;
  mark(view);
  if (view.playing) beat(view);
}

function beat(view) {
  clearInterval(view.playing);
  const [shortest, longest] = BEATS;
  const stay = Math.min(longest, Math.max(shortest, WHOLE / (view.stops.length - 1)));
  view.playing = setInterval(() => view.flight.idle() && view.ask(Number(view.slider.value) + 1), stay / view.speed);
}

/**
 * Goes on from the slider's place; from the end, and from the model that was opened, it begins at the first snapshot:
 * that model is the best or the last one, behind which little or nothing comes.
 * @param {View} view
 */
export function play(view) {
  if (!view.history) return;
  const at = Number(view.slider.value);
  view.ask(atEnd(view) || view.stops[at] === null ? 0 : at + 1);
  beat(view);
  drawButton(view);
}

/**
 * Stops at the last stop, and at one that did not come: what cannot be shown is not gone on from.
 * @param {View} view
 */
export function arrive(view) {
  if (view.playing && (atEnd(view) || view.asked !== view.data.at)) pause(view);
}

function atEnd(view) {
  return Number(view.slider.value) >= view.stops.length - 1;
}

/** @param {View} view */
export function pause(view) {
  clearInterval(view.playing);
  view.playing = null;
  drawButton(view);
}

function drawButton(view) {
  view.icon.setAttribute("d", ICONS[view.playing ? "pause" : "play"]);
  view.button.setAttribute("aria-label", view.playing ? "Pause" : "Play the training");
  view.root.dataset.playing = String(Boolean(view.playing));
}
