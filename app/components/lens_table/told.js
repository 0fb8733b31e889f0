// The cell of a lens' table that is told of: its likeliest tokens, and how the token fares that does follow.

import { el, put, write } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";

/**
 * Makes what stands beside the table.
 * @param {View} view
 * @param {() => void} explore - shows the cell's state on Explore
 */
export function newTold(view, explore) {
  view.where = el("h2");
  view.list = el("ol");
  view.lines = [];
  [view.next, view.entropy] = [el("p", { class: "soft" }), el("p", { class: "soft" })];
  view.explore = el("button", { type: "button", class: "quiet", onclick: explore }, "Show on Explore");
  return el("div", { class: "told" }, view.where, view.list, view.next, view.entropy, view.explore);
}

/**
 * Returns where a cell is, in words.
 * @param {View} view
 * @param {{row: number, position: number}} place
 */
export function whereIs(view, { row, position }) {
  const { tokens, depths } = view.data;
  return `${row === 0 ? "embedding" : `after block ${depths[row]}`}, after ${visible(tokens[position])} (${position})`;
}

/**
 * Returns the cell in one line, for those who hear the page.
 * @param {View} view
 * @param {{row: number, position: number}} place
 */
export function inWords(view, place) {
  const { tokens, words, count } = view.data;
  const { ids, shares } = view.numbers;
  const at = (place.row * tokens.length + place.position) * count;
  return `${whereIs(view, place)}: ${ids[at] < 0 ? "not read" : `${visible(words[ids[at]])} ${percent(shares[at])}`}`;
}

/**
 * Writes a cell beside the table.
 * @param {View} view
 * @param {{row: number, position: number}} place
 */
export function tell(view, place) {
  const { row, position } = place;
  const { tokens, words, count } = view.data;
  const { ids, shares, probabilities, ranks, entropies } = view.numbers;
  const at = row * tokens.length + position;
  put(view.told, "data-row", row);
  put(view.told, "data-position", position);
  view.told.toggleAttribute("data-chosen", view.chosen?.row === row && view.chosen?.position === position);
  write(view.where, whereIs(view, place));
  const known = ids[at * count] >= 0;
  view.list.hidden = !known;
  if (!known) {
    write(view.next, "This position was not read.");
    write(view.entropy, "");
    return;
  }
  linesOf(view, count).forEach((line, k) => {
    const share = shares[at * count + k];
    put(line.node, "data-probability", share);
    line.bar.style.width = `${Math.max(1, 100 * share)}%`;
    write(line.word, visible(words[ids[at * count + k]]));
    write(line.share, percent(share));
  });
  const next = ranks[at] < 0
    ? "the prompt ends here"
    : `next in the prompt: ${visible(tokens[position + 1])}, ${percent(probabilities[at])}, rank ${ranks[at]}`;
  write(view.next, next);
  write(view.entropy, `entropy ${short(entropies[at])} nats`);
}

/** The lines of the list: made once, since making them anew at each move of the pointer would be most of its cost. */
function linesOf(view, count) {
  if (view.lines.length !== count) {
    view.lines = Array.from({ length: count }, () => {
      const [bar, word, share] = [el("span", { class: "bar" }), el("span", { class: "word" }), el("span", { class: "share number" })];
      return { bar, word, share, node: el("li", {}, bar, word, share) };
    });
    view.list.replaceChildren(...view.lines.map((line) => line.node));
  }
  return view.lines;
}
