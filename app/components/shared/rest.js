// When the prompt has come to rest: what takes longer than a key may is asked for only then.

import { quiet } from "./sending.js";
import { listen } from "./view.js";

const REST = 600; // ms without news of the prompt
let timer = 0;
/** @type {string | null} */
let resting = null; // the text that rests; null while it moves, or where there is no prompt

/**
 * Takes down that the prompt was drawn; what is on its way, a key or a move, is waited for.
 * @param {string | null} text - null where it has left the page
 */
export function restSoon(text) {
  clearTimeout(timer);
  resting = null;
  if (text === null) return;
  timer = setTimeout(() => {
    if (!quiet()) return restSoon(text);
    resting = text;
    window.dispatchEvent(new CustomEvent("gptscope:rested", { detail: text }));
  }, REST);
}

/** Returns the text that rests; null while it moves. */
export function rested() {
  return resting;
}

/**
 * Calls `hear` with the text each time that it comes to rest; soon if it rests already: a panel may come late.
 * @param {View} view
 * @param {(text: string) => void} hear
 */
export function onRest(view, hear) {
  listen(view, "gptscope:rested", (event) => hear(event.detail));
  const first = setTimeout(() => resting !== null && hear(resting));
  view.cleanups.push(() => clearTimeout(first));
}
