// Keeps the curves of trainings for the timeline, as drawing.js keeps drawings for the map.

import { typedArray } from "../shared.js";

const MOST = 8; // histories kept; the oldest goes first

export default function (component) {
  const { history_key, scores, ...told } = component.data;
  const histories = (window.gptscopeHistories ??= new Map());
  if (!histories.has(history_key)) {
    if (histories.size >= MOST) histories.delete(histories.keys().next().value);
    histories.set(history_key, { ...told, scores: typedArray(scores) });
  }
  const container = component.parentElement.host.closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none"; // no room, and no gap, on the page
  window.dispatchEvent(new Event("gptscope:history"));
}
