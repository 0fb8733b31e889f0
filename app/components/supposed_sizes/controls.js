// The settings: models that are known, a slider and a number for each size, and what to do where they are impossible.
// All settings go up with each change, so that the newest message alone says everything.

import { el, put, write } from "../shared/dom.js";
import { arrowsMove, keepStop, stopAt } from "../shared/roving.js";
import { segments } from "../shared/segments.js";

/** @type {Record<string, [string, string]>} */
const NUMBERS = { 4: ["float32", "4 bytes a number"], 2: ["bfloat16", "2 bytes a number"] };

/** Returns the element that holds all controls. */
export function buildControls(view) {
  view.values = null; // the settings as the page has them; the server's may be older
  view.presets = el("div", { class: "presets", role: "group", "aria-label": "Known models" });
  view.presets.addEventListener("click", (event) => pressed(view, event));
  arrowsMove(view.presets);
  view.fields = el("div", { class: "fields" });
  view.rows = new Map();
  view.ticks = ["bias", "tie_weights", "fused"].map((name) => tick(view, name));
  view.number = segments("Bytes of a number", NUMBERS, (word) => change(view, { number: Number(word) }));
  view.problem = el("p", { role: "alert" });
  view.remedies = el("div", { class: "remedies", role: "group", "aria-label": "The nearest possible settings" });
  view.remedies.addEventListener("click", (event) => pressed(view, event));
  arrowsMove(view.remedies);
  view.impossible = el("div", { class: "impossible", hidden: true, "data-role": "impossible" }, view.problem, view.remedies);
  return el(
    "section",
    { class: "card controls" },
    el("header", {}, el("h2", {}, "What if the model were …")),
    view.presets,
    view.fields,
    el("div", { class: "ticks" }, ...view.ticks.map(({ node }) => node)),
    el("div", { class: "ticks" }, el("span", { class: "soft" }, "numbers"), view.number.node),
    view.impossible,
  );
}

const TICKS = {
  bias: ["bias", "linear layers and layer norms add a bias"],
  tie_weights: ["tied", "lm_head is the token embedding's own matrix"],
  fused: ["fused attention", "one operation that keeps no T x T tensor; the FLOPs are the same"],
};

function tick(view, name) {
  const [words, title] = TICKS[name];
  const box = el("input", { type: "checkbox", "data-name": name, onchange: () => change(view, { [name]: Number(box.checked) }) });
  return { name, box, node: el("label", { title }, box, words) };
}

/** Tells the server all settings; a measurement that was asked for goes along, under its own number. */
export function tell(view) {
  view.flight.offer({ ...view.values, measure: view.measure ?? null });
}

function change(view, changed) {
  const { T, block_size } = view.values;
  const follows = changed.block_size !== undefined && T === block_size; // a full context stays one
  Object.assign(view.values, changed, follows ? { T: changed.block_size } : {});
  show(view);
  tell(view);
}

function pressed(view, event) {
  const button = event.target.closest("button");
  if (button) change(view, JSON.parse(button.dataset.values));
}

// ---- a slider and a number -----------------------------------------------------------------------------------

function row(view, { name, letter, label, low, high }) {
  const words = view.data.letters[letter].split(" = ")[0];
  const slider = el("input", { type: "range", min: 0, step: 1, "aria-label": words, "data-name": name });
  const number = el("input", { type: "number", min: low, max: high, step: 1, "aria-label": `${words}, as a number`, "data-number": name });
  const sign = el("b", { "data-letter": letter }, letter === label ? "" : letter);
  slider.oninput = () => change(view, { [name]: view.rows.get(name).stops[Number(slider.value)] });
  number.oninput = () => {
    const value = Number(number.value);
    const good = number.value !== "" && Number.isInteger(value) && low <= value && value <= high;
    number.toggleAttribute("data-wrong", !good);
    number.title = good ? "" : `a whole number from ${low} to ${high.toLocaleString("en-US")}`;
    if (good) change(view, { [name]: value });
  };
  number.onblur = () => show(view); // what could not be read is replaced by what is set
  const node = el("div", { class: "field", title: words }, el("span", { class: "name" }, sign, label), slider, number);
  return { node, slider, number, stops: [0] };
}

/** Returns the stop next to a value. */
function nearest(stops, value) {
  let found = 0;
  stops.forEach((stop, i) => Math.abs(stop - value) < Math.abs(stops[found] - value) && (found = i));
  return found;
}

/** Shows the settings in all controls; a number that is being typed is left alone. */
function show(view) {
  const { values } = view;
  const active = view.root.getRootNode().activeElement;
  for (const [name, { slider, number, stops }] of view.rows) {
    put(slider, "max", stops.length - 1);
    const at = String(nearest(stops, values[name]));
    if (slider.value !== at) slider.value = at;
    put(slider, "aria-valuetext", values[name]);
    if (number !== active && (number.value !== String(values[name]) || number.hasAttribute("data-wrong"))) {
      number.value = String(values[name]);
      number.removeAttribute("data-wrong");
      number.title = "";
    }
  }
  for (const { name, box } of view.ticks) box.checked = Boolean(values[name]);
  view.number.choose(String(values.number));
}

// ---- buttons -------------------------------------------------------------------------------------------------

/** Draws a group of buttons that set all settings at once. */
function drawButtons(group, wanted) {
  while (group.children.length > wanted.length) group.lastChild.remove();
  wanted.forEach(({ label, values, chosen }, i) => {
    const button = group.children[i] ?? group.appendChild(el("button", { type: "button", class: "quiet" }));
    write(button, label);
    put(button, "data-values", JSON.stringify(values));
    put(button, "data-preset", label);
    put(button, "aria-pressed", chosen);
    if (chosen && !group.contains(group.getRootNode().activeElement)) stopAt(group, button);
  });
  keepStop(group);
}

/** Draws the controls. What a person is changing at this moment is newer than what the server knows. */
export function drawControls(view) {
  const { data } = view;
  for (const field of data.fields) {
    if (!view.rows.has(field.name)) {
      view.rows.set(field.name, row(view, field));
      view.fields.append(view.rows.get(field.name).node);
    }
    view.rows.get(field.name).stops = field.stops;
  }
  if (!view.values || view.flight.idle()) view.values = { ...data.values };
  show(view);
  drawButtons(view.presets, data.presets);
  write(view.problem, data.problem && `Impossible: ${data.problem}`);
  view.impossible.hidden = !data.problem;
  drawButtons(view.remedies, data.remedies);
}
