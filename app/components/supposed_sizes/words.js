// Sentences in pieces: a number that belongs to a letter has its colour, and says on hover what the letter is.

import { el } from "../shared/dom.js";

/**
 * Returns the nodes of a sentence.
 * @param {View} view
 * @param {(string | [string, string])[]} pieces - texts, or a text and its letter
 * @returns {(string | HTMLElement)[]}
 */
export function wordsOf(view, pieces) {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const [text, letter] = piece;
    return el("span", { "data-letter": letter, title: view.data.letters[letter] }, text);
  });
}
