// A choice of few words, all in sight: one button each, the chosen one pressed.

import { el } from "./dom.js";
import { arrowsMove, stopAt } from "./roving.js";
import { nextNumber } from "./sending.js";

/**
 * The forms of a pattern's plot.
 * @type {Record<string, string | [string, string]>}
 */
export const PLOTS = { grid: "cells", links: "links", heads: ["heads", "all heads of all blocks"] };

/**
 * Makes the buttons. `choose(word)` presses the one of a word without telling anyone.
 * @param {string} label - for screen readers
 * @param {Record<string, string | [string, string]>} words - what each button says, or that and a title
 * @param {(word: string) => void} tell
 */
export function segments(label, words, tell) {
  const buttons = Object.entries(words).map(([word, says]) => {
    const [text, title] = Array.isArray(says) ? says : [says, null];
    return el("button", { type: "button", "data-word": word, title, onclick: () => chosen(word) }, text);
  });
  const node = el("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
  arrowsMove(node);
  function choose(word) {
    for (const button of buttons) {
      const pressed = String(button.dataset.word === word);
      if (button.getAttribute("aria-pressed") === pressed) continue;
      button.setAttribute("aria-pressed", pressed);
      if (pressed === "true") stopAt(node, button);
    }
  }
  function chosen(word) {
    choose(word);
    tell(word);
  }
  return { node, choose };
}

/**
 * Tells the server of another look of the page: which choice, and its word.
 * @param {View} view
 * @param {string} name
 * @param {string} word
 */
export function chooseLook(view, name, word) {
  view.send("look", { name, word, seq: nextNumber() });
}
