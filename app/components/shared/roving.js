// Buttons that are one stop of the Tab key together: the arrows go from one to the next.

import { clamp } from "./numbers.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/**
 * Has the arrows move the focus among the buttons of a group.
 * @param {HTMLElement} group
 */
export function arrowsMove(group) {
  group.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const own = /** @type {HTMLElement} */ (event.target).closest("button");
    if (step === undefined || !own) return;
    event.preventDefault();
    const buttons = usable(group);
    const next = buttons[clamp(buttons.indexOf(own) + step, 0, buttons.length - 1)];
    stopAt(group, next);
    next.focus();
  });
}

/**
 * Makes one button of a group its stop.
 * @param {HTMLElement} group
 * @param {HTMLElement} stop
 */
export function stopAt(group, stop) {
  for (const button of group.querySelectorAll("button")) {
    if (button === stop) button.removeAttribute("tabindex"); // a button is a stop by itself
    else if (button.tabIndex !== -1) button.tabIndex = -1;
  }
}

/**
 * Keeps the stop of a group whose buttons come and go: the first one, where it has none.
 * @param {HTMLElement} group
 */
export function keepStop(group) {
  const buttons = usable(group);
  if (buttons.filter((button) => button.tabIndex === 0).length !== 1) stopAt(group, buttons[0]);
}

/** The buttons of a group that can take the focus. */
function usable(group) {
  return [...group.querySelectorAll("button")].filter((button) => !button.hidden && !button.disabled);
}
