// The four totals of the supposed model, over its map.

import { amount, exact } from "../shared/amounts.js";
import { el, write } from "../shared/dom.js";

/** The costs: their words, their unit, and what they mean. */
export const QUANTITIES = {
  params: { words: "parameters", unit: "", title: "trained numbers; tied embeddings counted once" },
  flops: { words: "FLOPs", unit: "FLOP", total: "a forward pass", title: "of one forward pass: the matrix products only, 2 per multiply-add, attention over the full T x T, logits at all positions" },
  activations: { words: "activations", unit: "B", title: "every tensor that a forward pass makes, kept until the backward pass; views, ids and weights take none" },
  cache: { words: "KV cache", unit: "B", title: "keys and values of all tokens in all blocks, which generation keeps" },
};

export function buildTotals(view) {
  view.totals = Object.entries(QUANTITIES).map(([name, { words, total = words, title }]) => {
    const value = el("b", { class: "number", "data-total": name });
    return { name, value, node: el("div", { class: "total", title }, value, el("span", { class: "soft" }, total)) };
  });
  view.sizes = el("div", { class: "sizes number" });
  return el("div", {}, el("div", { class: "totals" }, ...view.totals.map(({ node }) => node)), view.sizes);
}

/**
 * Returns the sum of a cost over all parts.
 * @param {any[]} parts
 * @param {string} name
 */
export function totalOf(parts, name) {
  return parts.reduce((sum, part) => sum + part[name], 0);
}

export function drawTotals(view) {
  for (const { name, value } of view.totals) {
    const total = totalOf(view.data.parts, name);
    write(value, amount(total, QUANTITIES[name].unit));
    value.title = exact(total, QUANTITIES[name].unit);
    value.dataset.value = String(total);
  }
  drawSizes(view);
}

/** Each letter with its number: the colours that the shapes on the map are written in. */
function drawSizes(view) {
  const { sizes, letters } = view.data;
  const names = Object.keys(sizes);
  if (view.sizesOf !== names.join()) {
    view.sizesOf = names.join();
    view.sizes.replaceChildren(...names.map((name) => el("span", { "data-letter": name })));
  }
  names.forEach((name, i) => {
    write(view.sizes.children[i], `${name} = ${sizes[name].toLocaleString("en-US")}`);
    view.sizes.children[i].title = letters[name];
  });
}
