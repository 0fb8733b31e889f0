// The logit lens as a table: a row for each depth, its most likely tokens side by side.

import { el, write } from "../shared/dom.js";
import { percent } from "../shared/numbers.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { onRest } from "../shared/rest.js";
import { nextNumber, report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const SHOWN = 3; // tokens of a row that are in sight; its title has all that came

function build(root, view) {
  root.classList.add("card");
  view.rows = el("div", { class: "rows scroll", role: "group", "aria-label": "What the model would say after each block" });
  view.after = el("span", { class: "soft push number" });
  root.append(el("header", {}, el("h2", {}, "Logit lens"), view.after), view.rows);
  view.rows.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-name]");
    if (cell) report(view, { kind: "select", id: cell.dataset.name });
  });
  arrowsMove(view.rows);
  onRest(view, () => askIfOld(view));
}

/** The lens of a large model takes longer than a key may: it is asked for when typing pauses. */
function askIfOld(view) {
  const { rows, text, position, step } = view.data;
  const key = JSON.stringify([text, position, step]);
  if (rows !== null || view.asked === key) return;
  view.asked = key;
  view.send("event", { kind: "read", text, position, seq: nextNumber() });
}

function newRow() {
  const cells = Array.from({ length: SHOWN }, () => el("span", { class: "cell" }, el("span", { class: "bar" }), el("span", { class: "word" }), el("span", { class: "share number" })));
  return el("button", { type: "button", class: "row", "data-role": "lens-row" }, el("span", { class: "depth" }), ...cells);
}

/** A probability in whole per cent, in at most five characters; the row's title has all digits. */
function whole(probability) {
  return probability < 0.005 ? "< 1 %" : `${Math.round(100 * probability)} %`;
}

function drawRow(row, { name, label, top }) {
  row.dataset.name = name;
  row.dataset.tokenId = top[0].id;
  row.dataset.probability = String(top[0].probability);
  row.title = `${label}: ${top.map((each) => `${visible(each.label)} ${percent(each.probability)}`).join(", ")}`;
  const [depth, ...cells] = row.children;
  write(depth, Number.isNaN(Number(label)) ? label : `block ${label}`);
  cells.forEach((cell, k) => {
    const [bar, word, share] = cell.children;
    bar.style.width = top[k] ? `${Math.max(1, 100 * top[k].probability)}%` : "0";
    write(word, top[k] ? visible(top[k].label) : "");
    write(share, top[k] ? whole(top[k].probability) : "");
  });
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  write(view.after, `after ${visible(data.token)}`);
  root.dataset.async = "true";
  root.dataset.position = String(data.position);
  root.classList.toggle("old", data.rows === null);
  if (data.rows !== null) {
    const shown = data.rows.filter(({ mid }) => !mid);
    while (view.rows.children.length > shown.length) view.rows.lastChild.remove();
    shown.forEach((each, i) => drawRow(view.rows.children[i] ?? view.rows.appendChild(newRow()), each));
    keepStop(view.rows);
    const { text, position, step, rows } = data;
    window.dispatchEvent(new CustomEvent("gptscope:lens", { detail: { text, position, step, rows } }));
    painted(view, "lens");
  } else root.dataset.panel = "lens"; // the numbers are those of the prompt before
  return cleanup(component);
}
