// One forward pass, step by step: each tensor in its order, with a sentence, and the stage shows it as it is passed.

import { el, write } from "../shared/dom.js";
import { report } from "../shared/sending.js";

const WHOLE = 1500; // ms of a pass, of any model: a step that cannot be painted in its time is left out
const LAST = 1100; // ms until the last step is asked for, which is painted then within the whole
const LOOK = 15; // ms until it is looked again which step is due

/**
 * Builds the button that plays and the line that tells of each step; `view.telling` holds the line.
 * @param {View} view
 */
export function buildPlaying(view) {
  view.play = el("button", { type: "button", class: "quiet push", "data-role": "play", title: "play one forward pass, from the tokens to the logits", onclick: () => (view.beat ? pause(view) : play(view)) }, "▶ pass");
  view.sentence = el("p", { role: "status", "aria-live": "polite" });
  view.count = el("span", { class: "number soft" });
  const button = (name, sign, act) => el("button", { type: "button", class: "quiet", "aria-label": name, title: name, onclick: act }, sign);
  const back = button("step back (←)", "‹", () => step(view, -1));
  const on = button("step on (→)", "›", () => step(view, 1));
  const close = button("close", "×", () => leave(view));
  view.telling = el("div", { class: "telling", hidden: true }, back, on, view.count, view.sentence, close);
  view.telling.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) step(view, by);
    else if (event.key === "Escape") leave(view);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  view.cleanups.push(() => clearInterval(view.beat));
}

/** The nodes of a pass, in their order, with what each says: through every block, or those of the view that is drawn. */
function stepsOf(view) {
  if (view.data.form === "tensors") {
    const whole = window.gptscopeKept?.get(view.data.pass_key);
    return whole === undefined ? [] : JSON.parse(whole).map(([id, title]) => ({ id, title }));
  }
  const inside = view.order.filter(({ group }) => !group.classList.contains("port"));
  return inside.map(({ id, group }) => ({ id, title: group.querySelector("title")?.textContent ?? id }));
}

function play(view) {
  const steps = (view.steps = stepsOf(view));
  if (!steps.length) return; // they come with the next message
  view.at = 0;
  show(view);
  view.telling.hidden = false;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  write(view.play, "❚❚ pass");
  const [began, last] = [performance.now(), steps.length - 1];
  view.beat = setInterval(() => {
    const passed = performance.now() - began;
    const painted = view.data.selected === steps[view.at].id;
    if (view.at === last) return painted || passed >= WHOLE ? pause(view) : undefined;
    const due = Math.min(last, Math.floor((passed / LAST) * last));
    if (due === view.at || !(painted || due === last)) return;
    view.at = due;
    show(view);
  }, LOOK);
}

function pause(view) {
  clearInterval(view.beat);
  view.beat = 0;
  write(view.play, "▶ pass");
}

function step(view, by) {
  pause(view);
  view.at = Math.min(view.steps.length - 1, Math.max(0, view.at + by));
  show(view);
}

function leave(view) {
  pause(view);
  view.telling.hidden = true;
  view.play.focus();
}

/**
 * Tells of the step that is painted: its sentence must not be ahead of the stage.
 * @param {View} view
 */
export function tellStep(view) {
  const step = view.steps?.[view.at];
  if (!step || view.data.selected !== step.id) return;
  write(view.count, `${view.at + 1}/${view.steps.length}`);
  write(view.sentence, step.title);
}

function show(view) {
  const { id } = view.steps[view.at];
  tellStep(view);
  report(view, { kind: "select", id, layer: view.data.layer });
  const place = view.data.form === "tensors" ? view.buttons.get(id) : view.nodes?.get(id)?.group;
  place?.scrollIntoView({ block: "nearest" });
}
