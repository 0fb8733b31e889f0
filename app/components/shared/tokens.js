// The tokens of the prompt, as every panel of the page can look them up: `explore_panels` hands each panel the prompt's part.

import { visible } from "./text.js";

/**
 * Returns the label of a position of the context, with its white space made visible; "" where it is not known.
 * @param {View} view
 * @param {number} position
 */
export function tokenAt(view, position) {
  const { labels, first, cropped } = view.data.prompt ?? { labels: [], first: 0, cropped: 0 };
  const label = labels[position + cropped - first];
  return label === undefined ? "" : visible(label);
}

/**
 * Returns the labels of the whole context.
 * @param {View} view
 */
export function contextLabels(view) {
  const { labels, first, cropped } = view.data.prompt;
  return labels.slice(Math.max(0, cropped - first));
}

/**
 * Returns the index in the whole prompt of a position of the context, or the other way round.
 * @param {View} view
 * @param {number} position
 */
export function tokenIndex(view, position) {
  return position + view.data.prompt.cropped;
}

const repeated = new WeakMap(); // labels -> those that are there more than once

/**
 * Returns what stands behind the label of a token that is there more than once: its position, which tells it apart.
 * @param {string[]} labels
 * @param {number} index - in the labels
 * @param {number} first - the position of the first of them
 */
export function behind(labels, index, first = 0) {
  if (!repeated.has(labels)) {
    const [seen, again] = [new Set(), new Set()];
    for (const label of labels) (seen.has(label) ? again : seen).add(label);
    repeated.set(labels, again);
  }
  return repeated.get(labels).has(labels[index]) ? ` ${index + first}` : "";
}
