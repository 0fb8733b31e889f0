// A pattern as lines between two columns of tokens: queries at the left, the keys that they read at the right.

import { property } from "../shared/colours.js";
import { labelsOf } from "./axes.js";
import { typedArray } from "../shared/numbers.js";
import { FADED } from "./off.js";
import { visible } from "../shared/text.js";

const TEXT = 96; // px for the tokens of each side
const LEAST = 14; // px of a token's line
const FAINT = 0.02; // weights below draw no line

function geometry(view) {
  const { x, y, width, height } = view.plot;
  const { rows } = view.data;
  const step = height / rows;
  return { left: x + TEXT - 60, right: x + width - TEXT, y, step, every: Math.max(1, Math.ceil(LEAST / step)) };
}

/** The query under the pointer, as a cell whose key is the one that it reads most. */
export function queryAt(view, event) {
  const { y, height } = view.plot;
  const { rows, cols } = view.data;
  const query = Math.floor(((event.offsetY - y) / height) * rows);
  if (query < 0 || query >= rows || !view.values) return null; // a large pattern's lines are the followed token's alone
  let best = 0;
  for (let key = 1; key < cols; key++) if (view.values[query * cols + key] > view.values[query * cols + best]) best = key;
  return { row: query, col: best };
}

/** Draws the lines of the token that is pointed at, or locked; without either those of all. */
export function drawLinks(view, context) {
  const { rows, cols, position, locked } = view.data;
  const { left, right, y, step, every } = geometry(view);
  const at = (i) => y + (i + 0.5) * step;
  const values = view.values;
  const chosen = values ? (view.cell?.row ?? (locked ? position : null)) : position;
  const row = typedArray(view.data.line);
  const weightOf = (query, key) => (values ? values[query * cols + key] : row[key]);
  context.strokeStyle = property(view, "--gs-pattern");
  const strength = view.data.off ? FADED : 1;
  for (let query = 0; query < rows; query++) {
    if (chosen !== null && query !== chosen) continue;
    for (let key = 0; key <= query && key < cols; key++) {
      const weight = weightOf(query, key);
      if (!(weight > FAINT)) continue;
      context.globalAlpha = strength * (chosen === null ? 0.7 * weight : 0.2 + 0.8 * weight);
      context.lineWidth = (chosen === null ? 0.5 : 1.2) + 3 * weight;
      context.beginPath();
      context.moveTo(left + 4, at(query));
      context.bezierCurveTo((left + right) / 2, at(query), (left + right) / 2, at(key), right - 4, at(key));
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  context.textBaseline = "middle";
  const labels = labelsOf(view, "row") ?? [];
  for (let i = 0; i < rows; i += every) {
    for (const [side, align, x] of [["query", "right", left], ["key", "left", right]]) {
      const strong = side === "query" ? i === chosen : chosen !== null && weightOf(chosen, i) > 0.1;
      context.font = strong ? `700 ${view.font}` : view.font;
      context.fillStyle = property(view, strong || chosen === null ? "--st-text-color" : "--gs-soft");
      context.textAlign = align;
      context.fillText(visible(labels[i] ?? String(i)), x, at(i));
    }
  }
  context.font = `600 12px ${property(view, "--st-font")}`;
  context.fillStyle = property(view, "--st-text-color");
  context.textAlign = "center";
  context.fillText("query", left - 20, y + view.plot.height + 14);
  context.fillText("key", right + 20, y + view.plot.height + 14);
}
