// What the model predicts at the followed token: the next tokens, and what it would have said at each depth.

import { data, here, nodes, onChange, position, select, T } from "./state.js";
import { el, percent, token, written } from "./numbers.js";
import { holds, labelOf, matrixOf, tokenAt, unpack } from "./stores.js";

const SHOWN = 3; // tokens of a row of the lens
const arrays = { next: /** @type {any} */ (null), lens: /** @type {any} */ (null) };

/** Unpacks the likely tokens of all positions. */
export async function unpackLikely() {
  for (const part of ["next", "lens"]) {
    if (!data[part]) continue;
    arrays[part] = { ids: await unpack(data[part].ids), probabilities: await unpack(data[part].probabilities) };
    if (data[part].logits) arrays[part].logits = await unpack(data[part].logits);
  }
}

/** What the model would say where a tensor stands: of the lens's row that is the same tensor, or of the output. */
export function saidAt(id, same) {
  const output = nodes.get(id).role === "logits";
  if (!data.lens || position() < data.lens.first) return null;
  const row = output ? data.lens.names.length - 1 : data.lens.names.findIndex((name) => same(name, id));
  return row < 0 ? null : lensRow(row)[0];
}

function lensRow(row) {
  const [, rows, count] = data.lens.ids.shape;
  const start = ((position() - data.lens.first) * rows + row) * count;
  return Array.from({ length: count }, (_, i) => ({ id: arrays.lens.ids[start + i], probability: arrays.lens.probabilities[start + i] }));
}

function nextTokens() {
  const [, count] = data.next.ids.shape;
  const start = position() * count;
  return Array.from({ length: count }, (_, i) => ({
    id: arrays.next.ids[start + i],
    probability: arrays.next.probabilities[start + i],
    logit: arrays.next.logits[start + i],
  }));
}

export function drawAfter(next, lens) {
  const draw = () => {
    next.dataset.position = String(position());
    const where = here.lock === null ? "the last token" : `position ${position()}`;
    next.replaceChildren(headOf("after", el("span", { class: "soft" }, where)), ...(data.next ? [fact(), listOf()].filter((part) => part) : [el("p", { class: "soft" }, "This run holds no logits.")]));
    lens.replaceChildren(headOf("logit lens after"), lensOf());
  };
  onChange((changed) => changed.has("lock") && draw());
  draw();
}

function headOf(words, ...more) {
  const followed = token(tokenAt(position()), { class: here.lock === null ? "token" : "token locked" });
  return el("header", {}, el("h2", {}, words, " ", followed), ...more);
}

/** What did follow in the prompt, and the loss there. */
function fact() {
  const loss = data.nodes.find(({ role }) => role === "loss");
  if (position() === T - 1 || !holds(loss.id)) return null;
  const value = matrixOf(loss.id, 0).value(0, position());
  return el("p", { class: "soft" }, "then came ", token(tokenAt(position() + 1)), `, loss ${written(value)} nats`);
}

function listOf() {
  const rows = nextTokens().map(({ id, probability, logit }) => {
    const bar = el("i", {});
    bar.style.width = `${100 * probability}%`;
    return el("li", { "data-role": "next-token", "data-token-id": id, "data-probability": probability, title: `id ${id}, logit ${written(logit)}, probability ${written(probability)}` }, bar, token(labelOf(id)), el("span", { class: "number" }, percent(probability)), el("span", { class: "number soft" }, logit.toFixed(2).replace("-", "−")));
  });
  return el("ol", { class: "next", tabindex: 0, "aria-label": "Next tokens, their probabilities and logits" }, ...rows);
}

function lensOf() {
  if (!data.lens) return el("p", { class: "soft" }, "This run does not hold the residual stream and the logits, which the lens reads.");
  if (position() < data.lens.first) return el("p", { class: "soft" }, `Told from position ${data.lens.first} on.`);
  return el("div", { class: "lens" }, ...data.lens.names.map((name, row) => lensLine(name, row)));
}

function lensLine(name, row) {
  const { layer, role } = nodes.get(name);
  const cells = lensRow(row).slice(0, SHOWN).map(({ id, probability }) => {
    const bar = el("i", {});
    bar.style.width = `${100 * probability}%`;
    return el("span", { class: "cell", title: `${labelOf(id)}: ${written(probability)}` }, bar, token(labelOf(id)));
  });
  const [best] = lensRow(row);
  const where = role === "residual in" ? "embedding" : `block ${layer}`;
  return el("button", { type: "button", "data-role": "lens-row", "data-name": name, "data-token-id": best.id, "data-probability": best.probability, title: `${where}: show ${name}`, onclick: () => select(name) }, el("span", { class: "soft" }, role === "residual in" ? "emb" : String(layer)), ...cells, el("span", { class: "number" }, percent(best.probability)));
}
