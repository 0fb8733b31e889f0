// The cell of a lens' table that is pointed at: its likeliest tokens, and how the token fares that does follow.

import { el } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";

/**
 * Writes it beside the table.
 * @param {View} view
 * @param {{row: number, position: number}} place
 */
export function tell(view, { row, position }) {
  const { tokens, depths, words, count } = view.data;
  const { ids, shares, probabilities, ranks, entropies } = view.numbers;
  const at = row * tokens.length + position;
  const where = `${row === 0 ? "embedding" : `after block ${depths[row]}`}, after ${visible(tokens[position])}`;
  view.told.dataset.row = String(row);
  view.told.dataset.position = String(position);
  if (ids[at * count] < 0) {
    view.told.replaceChildren(el("h2", {}, where), el("p", { class: "soft" }, "This position was not read."));
    return;
  }
  const lines = Array.from({ length: count }, (_, k) => {
    const share = shares[at * count + k];
    const bar = el("span", { class: "bar" });
    bar.style.width = `${Math.max(1, 100 * share)}%`;
    const word = el("span", { class: "word" }, visible(words[ids[at * count + k]]));
    return el("li", { "data-probability": share }, bar, word, el("span", { class: "share number" }, percent(share)));
  });
  const next = ranks[at] < 0
    ? "the prompt ends here"
    : `next in the prompt: ${visible(tokens[position + 1])}, ${percent(probabilities[at])}, rank ${ranks[at]}`;
  view.told.replaceChildren(
    el("h2", {}, where),
    el("ol", {}, ...lines),
    el("p", { class: "soft" }, next),
    el("p", { class: "soft" }, `entropy ${short(entropies[at])} nats`),
  );
}
