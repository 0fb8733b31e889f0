// The cells of a tensor's matrix in words: which place, between which tokens, which number.

import { nodes } from "./state.js";
import { token, visible, written } from "./numbers.js";
import { labelOf, tokenAt } from "./stores.js";

/** Names of the axes of a matrix. */
export const AXES = { T: "token (T)", query: "query (T)", key: "key (T)", C: "channel (C)", D: "channel of the head (D)", V: "vocabulary (V)", "3C": "Q | K | V (3C)", "4C": "hidden (4C)", "": "" };

/** The axes whose places are tokens of the prompt. */
export const TOKENS = new Set(["T", "query", "key"]);

/** Name, tokens and value of a cell, as lines of text. */
export function indexText(matrix, row, col) {
  const value = matrix.value(row, col);
  const place = matrix.index(row, col).join(", ");
  const ids = isIds(matrix) ? [" · ", token(labelOf(value))] : [];
  const future = isHidden(matrix, row, col) ? [" · a key after its query is hidden from it"] : [];
  return [[`${matrix.name}[${place}]`], between(matrix, row, col), [strong(written(value)), ...ids, ...future]];
}

/** True for the token ids. */
export function isIds({ name }) {
  return nodes.get(name).role === "tokens";
}

/** True for a key that its query does not see. */
export function isHidden(matrix, row, col) {
  return matrix.square && col > row && (matrix.value(row, col) === 0 || matrix.value(row, col) === -Infinity);
}

function strong(text) {
  const made = document.createElement("b");
  made.textContent = text;
  return made;
}

function between(matrix, row, col) {
  const ends = [labelled(matrix.row, row), labelled(matrix.col, col)].filter((parts) => parts !== null);
  return ends.flatMap((parts, i) => (i ? [matrix.square ? " → " : " · ", ...parts] : parts));
}

/** What a place of an axis is: a token, or a number with its letter. */
function labelled(letter, at) {
  if (letter === "") return null;
  if (TOKENS.has(letter)) return [token(tokenAt(at)), ` (${at})`];
  return letter === "V" ? [token(labelOf(at))] : [`${letter} ${at}`];
}

/** The label of a place of an axis, for a canvas. */
export function label(letter, at) {
  if (TOKENS.has(letter)) return visible(tokenAt(at));
  return letter === "V" ? visible(labelOf(at)) : String(at);
}
