// The source of a tab: each row is a line of a file, its words in the colours of what they are.

import { el } from "../shared/dom.js";

function drawLine(words, number) {
  const parts = words.map(([kind, text]) => (kind ? el("span", { class: kind }, text) : text));
  return el("div", { class: "line", "data-line": number }, el("i", {}, number), ...parts, "\n");
}

/** The lines of a part, below its name where the source has several parts. */
function drawPart(view, { file, first, lines }, named) {
  const rows = lines.map((words, i) => drawLine(words, first + i));
  view.rows.push(...rows);
  return named ? [el("div", { class: "part" }, `${file} · lines ${first}-${first + lines.length - 1}`), ...rows] : rows;
}

/**
 * Draws the source that the page keeps under a name, if another one is drawn.
 * @param {View} view
 * @param {string} key
 */
export function drawListing(view, key) {
  view.rows ??= [];
  view.about ??= "";
  const text = window.gptscopeKept?.get(key);
  if (view.listed === key || text === undefined) return;
  view.listed = key;
  const { about, first, parts } = JSON.parse(text);
  Object.assign(view, { about, firstFact: first, rows: [] });
  view.lines.replaceChildren(...parts.flatMap((part) => drawPart(view, part, parts.length > 1)));
  for (const [i, row] of view.rows.entries()) row.dataset.row = i + 1;
  view.box.scrollTop = 0;
}
