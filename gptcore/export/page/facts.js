// The head of the page: which model and run this is, the letters, and what the file does not hold.

import { data, T } from "./state.js";
import { el } from "./numbers.js";

export function drawFacts(root) {
  const letters = Object.entries(data.letters).filter(([letter]) => !/^\d/.test(letter));
  root.append(
    el("h1", {}, el("span", { class: "soft" }, "gptscope · "), data.title),
    el("p", { class: "letters", "aria-label": "Sizes" }, ...letters.map(([letter, [size, words]]) => el("span", { title: `${letter}: ${words}` }, letterOf(letter), ` = ${size.toLocaleString("en")}`))),
    ...notices().map(([title, lines]) => el("details", {}, el("summary", {}, title), ...lines.map((line) => el("div", {}, line)))),
  );
}

/** An axis's letter in its colour. */
export function letterOf(letter) {
  const [size, words] = data.letters[letter] ?? [];
  return el("b", { "data-letter": letter, title: words ? `${letter} = ${size}: ${words}` : null }, letter);
}

/** What a reader has to know: edits, tensors that are not here, ids instead of tokens. */
function notices() {
  const found = [];
  const count = (number, one, more) => `${number.toLocaleString("en")} ${number === 1 ? one : more}`;
  if (data.edits.length) found.push([`${count(data.edits.length, "edit", "edits")} changed this run`, data.edits]);
  const gone = Object.entries(data.left_out);
  if (gone.length) {
    const lines = gone.map(([name, why]) => `${name}: ${why}`);
    found.push([`${count(gone.length, "tensor is", "tensors are")} not in this file`, lines]);
  }
  if (!data.named) found.push(["tokens are shown as ids", ["The file was written without a tokenizer, so it knows the numbers of the tokens and not their texts."]]);
  const [B] = data.letters.B;
  if (B > 1) found.push([`sequence ${data.sequence} of ${B}`, [`The run has ${B} sequences (B); this file shows the one with index ${data.sequence}.`]]);
  if (data.lens?.first) found.push([`the lens begins at position ${data.lens.first}`, [`Reading the residual stream of all ${T} tokens would have taken long: the logit lens is told from position ${data.lens.first} on.`]]);
  return found;
}
