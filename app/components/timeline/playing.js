// Playing the training: from stop to stop by itself, at one of three speeds, until the end.

import { el } from "../shared/dom.js";

const BEAT = 250; // ms from stop to stop at the speed 1
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
  view.playing = setInterval(() => {
    if (!view.flight.idle()) return; // what was asked for is not painted yet
    const [next, last] = [Number(view.slider.value) + 1, view.stops.length - 1];
    if (next <= last) view.go(next);
    if (next >= last) pause(view);
  }, BEAT / view.speed);
}

/**
 * Goes on from the slider's place; from the end, and from the model that was opened, it begins at the first snapshot:
 * that model is the best or the last one, behind which little or nothing comes.
 * @param {View} view
 */
export function play(view) {
  if (!view.history) return;
  const at = Number(view.slider.value);
  if (at >= view.stops.length - 1 || view.stops[at] === null) view.go(0);
  beat(view);
  drawButton(view);
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
