// Keeps the curves of trainings for the timeline, as drawing.js keeps drawings for the map.

import { hide } from "../shared/dom.js";
import { typedArray } from "../shared/numbers.js";

const MOST = 8; // histories kept; the oldest goes first

export default function (component) {
  const { history_key, scores, ...told } = component.data;
  const histories = (window.gptscopeHistories ??= new Map());
  if (!histories.has(history_key)) {
    if (histories.size >= MOST) histories.delete(histories.keys().next().value);
    histories.set(history_key, { ...told, scores: typedArray(scores) });
  }
  hide(component);
  window.dispatchEvent(new Event("gptscope:training_curves"));
}
