// What stands beside the plot, or in its place: the largest numbers of the followed token, and tokens as text.

import { el } from "../shared/dom.js";
import { lock } from "../shared/following.js";
import { short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";
import { contextLabels, tokenAt, tokenIndex } from "../shared/tokens.js";

/** Draws the channels with the largest numbers; of a sum, with what came in and what was added. */
export function drawLargest(view) {
  const { largest, norms, position } = view.data;
  view.largest.hidden = largest.length === 0;
  const key = JSON.stringify([largest, norms, position]);
  if (view.largestKey === key || largest.length === 0) return;
  view.largestKey = key;
  const most = Math.max(...largest.map(({ value }) => Math.abs(value))) || 1;
  const rows = largest.map(({ channel, value, parts }) => {
    const share = `--share: ${(58 * Math.abs(value)) / most}%; --sign: var(--gs-${value < 0 ? "negative" : "positive"})`;
    const sum = parts.length ? el("small", {}, `${short(parts[0])} + ${short(parts[1])} =`) : null;
    const attributes = { style: share, "data-channel": channel, "data-value": value };
    return [sum && el("small", {}, sum), el("div", attributes, el("span", {}, String(channel)), el("span", {}, short(value)))];
  });
  const names = norms.length === 3 ? ["in", "added", "out"] : ["length"];
  const lengths = norms.map((norm, i) => el("span", {}, `‖${names[i]}‖ ${short(norm)}`));
  view.largest.replaceChildren(
    el("h3", {}, `largest at ${tokenAt(view, position)}`),
    el("p", { class: "number", title: "Euclidean length of the vector" }, ...lengths),
    ...rows.flat().filter((row) => row !== null),
  );
}

/** Draws the tokens and their ids as what they are: text. An id is a name, no amount. */
export function drawTexts(view) {
  const ids = view.data.texts;
  view.texts.hidden = !ids;
  view.box.hidden = Boolean(ids);
  view.legend.hidden = Boolean(ids);
  if (!ids) return;
  const labels = contextLabels(view);
  const { position, locked } = view.data;
  const buttons = ids.map((id, i) => {
    const pressed = String(locked && i === position);
    const act = () => lock(view, locked && i === position ? null : tokenIndex(view, i));
    return el("button", { type: "button", "aria-pressed": pressed, onclick: act }, visible(labels[i] ?? ""), el("small", {}, id));
  });
  view.texts.replaceChildren(...buttons);
}
