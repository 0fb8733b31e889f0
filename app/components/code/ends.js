// What the lines of the source make: the tensors of each line; at its end their shapes in this run, and what is told of it.

import { el, write } from "../shared/dom.js";

/** The lines of which something is told, with the block that is shown in their ids; [] until the page has them. */
export function linesOf(view) {
  const { lines_key, layer } = view.data;
  const key = `${lines_key} ${layer}`;
  const text = window.gptscopeKept?.get(lines_key);
  if (view.madeKey === key || text === undefined) return view.made ?? [];
  view.madeKey = key;
  const { sizes, lines } = JSON.parse(text);
  view.sizes = sizes;
  view.made = lines.map((line) => ({ ...line, id: line.id.replace("{i}", String(layer)) }));
  return view.made;
}

/** The lines of which a row is one; of a range of rows, each of them is. */
export function madeAt(view, row) {
  return linesOf(view).filter(({ first, last }) => first <= row && row <= last);
}

/** What stands at the end of each row: the shapes in this run of what it makes, or a fact. */
function endsOf(view) {
  const { T, facts } = view.data;
  const ends = new Map(); // row -> what is told at its end
  for (const { last, axes, fact } of linesOf(view)) {
    if (axes.length === 0 && !fact) continue;
    const shape = `(${axes.map((axis) => (axis === "T" ? T : (view.sizes[axis] ?? axis))).join(", ")})`;
    ends.set(last, new Set([...(ends.get(last) ?? []), fact ? (facts[fact] ?? "") : shape]));
  }
  return ends;
}

/**
 * Writes at the ends of the lines what this run made of them.
 * @param {View} view
 */
export function drawEnds(view) {
  for (const [row, all] of endsOf(view)) {
    const line = view.rows[row - 1];
    if (!line) continue;
    let node = line.querySelector(".live");
    if (!node) line.insertBefore((node = el("span", { class: "live", title: "in this run" })), line.lastChild);
    const told = [...all].join(" ");
    node.classList.toggle("fact", !told.startsWith("("));
    write(node, told);
  }
}
