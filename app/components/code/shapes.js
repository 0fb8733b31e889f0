// What the lines of the source make: the tensors of each line, and their shapes in this run at its end.

import { el, write } from "../shared/dom.js";

/** The lines of all tensors, with the block that is shown in their ids; [] until the page has them. */
export function linesOf(view) {
  const { lines_key, layer } = view.data;
  const key = `${lines_key} ${layer}`;
  const text = window.gptscopeKept?.get(lines_key);
  if (view.madeKey === key || text === undefined) return view.made ?? [];
  view.madeKey = key;
  view.made = JSON.parse(text).map((line) => ({ ...line, id: line.id.replace("{i}", String(layer)) }));
  return view.made;
}

/** The tensors that the line of a number makes; of a range of lines, each of them does. */
export function madeAt(view, number) {
  return linesOf(view).filter(({ first, last }) => first <= number && number <= last);
}

/**
 * Writes the shapes of this run at the ends of the lines that make tensors.
 * @param {View} view
 */
export function drawShapes(view) {
  const { sizes } = view.data;
  const shapes = new Map(); // line -> its shapes
  for (const { last, axes } of linesOf(view)) {
    const shape = `(${axes.map((axis) => sizes[axis] ?? axis).join(", ")})`;
    shapes.set(last, new Set([...(shapes.get(last) ?? []), shape]));
  }
  for (const [number, all] of shapes) {
    const line = view.lines.children[number - 1];
    if (!line) continue;
    let node = line.querySelector(".live");
    if (!node) line.insertBefore((node = el("span", { class: "live", title: "its shape in this run" })), line.lastChild);
    write(node, [...all].join(" "));
  }
}
