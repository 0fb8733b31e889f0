// The box keeps the keyboard. Where the page takes it away (Streamlit moves panels, or closes its own dialogs, when a
// session comes back), the next key goes into the box all the same.

import { focusedElement } from "../shared/focus.js";

let holds = false; // somebody types here, and has not gone elsewhere since; outlives the box

/**
 * Keeps the keyboard for the box of a view, also for a new box in the place of one that had it.
 * @param {View} view
 */
export function keepKeyboard(view) {
  const { area } = view;
  area.addEventListener("focus", () => (holds = true));
  const elsewhere = (event) => {
    if (!event.composedPath().includes(area)) holds = false;
  };
  const key = (event) => {
    if (event.key === "Tab" || event.key === "Escape") holds = false;
    else if (isLost(area)) area.focus({ preventScroll: true }); // the key is then typed here
  };
  window.addEventListener("pointerdown", elsewhere, true);
  window.addEventListener("keydown", key, true); // before it is taken for a shortcut
  view.cleanups.push(
    () => window.removeEventListener("pointerdown", elsewhere, true),
    () => window.removeEventListener("keydown", key, true),
  );
}

/** Tells if the box had the keyboard and nothing else has it now. */
function isLost(area) {
  const focused = focusedElement();
  return holds && area.isConnected && (focused === null || focused === document.body);
}
