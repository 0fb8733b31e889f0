// Ctrl+Z takes the last change of the run back, Ctrl+Shift+Z or Ctrl+Y brings it back, where the keys are not those of a text.

import { listen } from "./view.js";

/**
 * @param {View} view
 * @param {(step: "undo" | "redo") => boolean} may - whether there is such a step
 * @param {(step: "undo" | "redo") => void} take
 */
export function onUndo(view, may, take) {
  listen(view, "keydown", (event) => {
    const from = /** @type {Element} */ (event.composedPath()[0]);
    const writes = from.closest?.("input:not([type=range]), textarea, [contenteditable]");
    const step = writes || !(event.ctrlKey || event.metaKey) ? null : stepOf(event);
    if (!step || !may(step)) return;
    event.preventDefault();
    take(step);
  });
}

/**
 * The step among the changes that a key with Ctrl stands for.
 * @param {KeyboardEvent} event
 * @returns {"undo" | "redo" | null}
 */
function stepOf({ key, shiftKey }) {
  if (key.toLowerCase() === "z") return shiftKey ? "redo" : "undo";
  return key === "y" ? "redo" : null;
}
