// Drawing tokens: each one is asked for when the one before it is there, so that all panels move with it, and a key that is
// typed meanwhile ends it.

import { el, write } from "../shared/dom.js";
import { oneInFlight } from "../shared/sending.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";

const COUNTS = [5, 20, 50, 100];

function build(root, view) {
  const button = (role, text, title, act) => el("button", { type: "button", class: "quiet", "data-role": role, title, onclick: act }, text);
  view.start = button("generate", "", "draw tokens, one after another", () => (view.left ? stop(view) : start(view)));
  view.start.classList.add("start");
  view.count = el("select", { "aria-label": "How many tokens to draw", title: "how many tokens" }, ...COUNTS.map((n) => el("option", { value: n }, String(n))));
  view.count.value = "20";
  view.step = button("step", "step ›", "draw one token", () => ask(view, 1));
  view.undo = button("undo", "↶", "take back the last token that was drawn or put in, or bring back the text before", () => {
    stop(view);
    view.flight.offer({ kind: "undo" });
  });
  view.undo.setAttribute("aria-label", "undo");
  view.open = el("button", { type: "button", class: "quiet degrees number", "aria-expanded": "false", title: "how tokens are drawn", onclick: () => toggle(view) });
  view.menu = menu(view);
  root.append(el("div", { class: "start-group" }, view.start, view.count), view.step, view.undo, view.open, view.menu);
  view.left = 0;
  view.flight = oneInFlight((value) => view.send("event", value));
  view.cleanups.push(() => view.flight.stop());
  root.addEventListener("keydown", (event) => event.key === "Escape" && toggle(view, false));
  listen(view, "gptscope:typed", () => stop(view)); // at once: one token more, and what was typed is late
  listen(view, "pointerdown", (event) => !event.composedPath().includes(root) && toggle(view, false));
}

// ---- how tokens are drawn ------------------------------------------------------------------------------------

function menu(view) {
  const field = (name, attributes, meaning) => {
    const input = el("input", { ...attributes, "aria-label": name, onchange: () => set(view) });
    return [input, el("label", { title: meaning }, el("span", {}, name), input)];
  };
  const [degrees, first] = field("temperature", { type: "number", min: 0.05, max: 5, step: 0.05 }, "logits are divided by it");
  const [k, second] = field("top-k", { type: "number", min: 1, step: 1, placeholder: "all" }, "only the k most likely tokens; empty for all");
  const [p, third] = field("top-p", { type: "number", min: 0, max: 1, step: 0.05, placeholder: "all" }, "only the most likely tokens that add up to p; empty for all");
  const [seed, fourth] = field("seed", { type: "number", min: 0, step: 1 }, "the same seed draws the same tokens");
  Object.assign(view, { degrees, k, p, seed });
  return el("div", { class: "menu", role: "group", "aria-label": "How tokens are drawn", hidden: true }, first, second, third, fourth);
}

function toggle(view, open = view.menu.hidden) {
  if (view.menu.hidden === !open) return;
  view.menu.hidden = !open;
  view.open.setAttribute("aria-expanded", String(open));
}

function set(view) {
  const number = (input) => (input.value === "" ? null : Number(input.value));
  const whole = (input) => (input.value === "" ? null : Math.round(Number(input.value)));
  const { degrees, k, p, seed, data } = view;
  const temperature = number(degrees) || data.temperature;
  view.flight.offer({ kind: "set", temperature, top_k: whole(k), top_p: number(p), seed: whole(seed) ?? data.seed });
}

// ---- drawing tokens ------------------------------------------------------------------------------------------

function start(view) {
  ask(view, Number(view.count.value));
}

function ask(view, count) {
  view.left = count;
  view.seen = view.data.steps;
  next(view);
}

function next(view) {
  drawButtons(view);
  if (view.left) view.flight.offer({ kind: "draw", text: view.data.text });
}

function stop(view) {
  view.left = 0;
  drawButtons(view);
}

/** One token more is there: the next one is asked for while this one is painted. Anything else ends it. */
function goOn(view) {
  if (!view.left) return;
  const { steps, text } = view.data;
  if (steps === view.seen) {
    if (text !== view.text || view.flight.idle()) stop(view); // something else was typed, or nothing could be drawn
    return;
  }
  view.seen = steps;
  view.left -= 1;
  next(view);
}

function drawButtons(view) {
  const { undo, temperature } = view.data;
  write(view.start, view.left ? `■ stop (${view.left})` : "▶ Generate");
  view.count.hidden = view.left > 0;
  view.step.disabled = view.left > 0;
  view.undo.disabled = !undo;
  write(view.open, `T ${temperature.toFixed(2).replace(/0$/, "")} ▾`);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  view.flight.acknowledge(data.ack);
  goOn(view);
  view.text = data.text;
  drawButtons(view);
  if (view.flight.idle() && !view.menu.matches(":focus-within")) {
    view.degrees.value = String(data.temperature);
    view.k.value = data.top_k ?? "";
    view.p.value = data.top_p ?? "";
    view.seed.value = String(data.seed);
  }
  painted(view, "generate");
  return cleanup(component);
}
