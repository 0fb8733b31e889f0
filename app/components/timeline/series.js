// The curves as numbers: for each its name, and its value at each stop of the slider. Nothing is drawn here.

import { short } from "../shared/numbers.js";

const LOSSES = { val_loss: "val loss", train_loss: "train loss", val_accuracy: "accuracy" };

/**
 * Returns the steps in the order of the slider. null is the model that was opened: it stands at its own step, behind
 * a snapshot of the same step; at the end where its step is unknown.
 * @param {any} history
 * @returns {(number | null)[]}
 */
export function stopsOf({ steps, opened }) {
  const before = opened.step === null ? steps.length : steps.filter((step) => step <= opened.step).length;
  return [...steps.slice(0, before), null, ...steps.slice(before)];
}

/**
 * Returns a curve's value at each stop: null where it is unknown, undefined where a line may pass over the opened
 * model. A snapshot of the opened model's own step tells its values, too.
 */
function atStops(history, curve, own) {
  const { steps, opened } = history;
  const same = steps.indexOf(opened.step);
  return stopsOf(history).map((step) => {
    if (step === null) return own ?? (same < 0 ? undefined : curve[same]);
    return curve[steps.indexOf(step)];
  });
}

function scoresOf(history, kind, head) {
  const { kinds, steps, scores, heads } = history;
  const which = kinds.findIndex(({ name }) => name === kind);
  if (which < 0) return null;
  const curve = steps.map((_, i) => scores[(which * steps.length + i) * heads + head]);
  return atStops(history, curve, undefined);
}

/** Returns true for a number that was measured. */
export function known(value) {
  return typeof value === "number" && !Number.isNaN(value);
}

/**
 * Returns the curves that have a name, each as {id, name, share, values}; of a share the axis goes from 0 to 1.
 * @param {any} history
 * @param {string} kind - of the scores; "" without any
 * @param {[number, number]} chosen - layer and head of the strong curve
 */
export function seriesOf(history, kind, [layer, head]) {
  const found = Object.entries(LOSSES).filter(([id]) => history.losses[id]).map(([id, name]) => ({
    id,
    name,
    share: id === "val_accuracy",
    values: atStops(history, history.losses[id], history.opened.losses[id]),
  }));
  const values = scoresOf(history, kind, layer * history.n_head + head);
  if (values) found.push({ id: "head", name: `head ${layer}.${head}`, share: true, values });
  return found;
}

/** Returns the scores of all other heads at each stop. */
export function othersOf(history, kind, [layer, head]) {
  const others = Array.from({ length: history.heads }, (_, i) => i).filter((i) => i !== layer * history.n_head + head);
  return others.map((i) => scoresOf(history, kind, i)).filter((values) => values !== null);
}

/**
 * Writes one value of a curve.
 * @param {string} id
 * @param {any} value
 */
export function told(id, value) {
  if (typeof value !== "number") return value == null ? "—" : short(value);
  if (Number.isNaN(value)) return "—";
  if (id === "val_accuracy") return `${(100 * value).toFixed(1)} %`;
  return id === "head" ? value.toFixed(3) : short(value);
}

/** Returns the losses of the weights on the screen as [id, text], those that were measured. */
export function lossesTold(losses) {
  const measured = Object.entries(LOSSES).filter(([id]) => losses[id] !== undefined);
  return measured.map(([id, name]) => [id, `${name} ${told(id, losses[id])}`]);
}
