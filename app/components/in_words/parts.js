// The parts of a sentence as elements: words, numbers, letters of the axes, tokens. They are written as text, never read
// as anything else.

import { el } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";

/**
 * Returns the elements of a sentence. A number that stands in a tensor is a button, which `walk` answers.
 * @param {any[]} parts
 * @param {Record<string, string>} letters - what each letter is
 * @param {((name: string, index: number[]) => void) | null} walk - null where nothing can be clicked
 */
export function spoken(parts, letters, walk) {
  return parts.map((part) => {
    if (typeof part === "string") return part;
    if ("letter" in part) return el("span", { "data-letter": part.letter, title: letters[part.letter] }, part.letter);
    if ("token" in part) return token(part);
    return number(part, walk);
  });
}

/** A token, and where it stands: the same word may stand at several places. */
function token({ token: label, position }) {
  const known = position !== null;
  const chip = el("span", { class: "token", title: known ? `the token at position ${position}` : "a token of the vocabulary" }, visible(label));
  return el("span", { class: "placed", "data-position": position }, chip, known ? el("sub", {}, position) : null);
}

function written({ value, kind }) {
  if (typeof value === "string") return short(value);
  if (kind === "count") return value.toLocaleString("en-US").replace("-", "−");
  if (kind === "share" && value === 0) return "0 %"; // percent() would say that it is only small
  return kind === "share" ? percent(value) : short(value);
}

function number(part, walk) {
  const { name, value, cell } = part;
  const told = { class: "number", "data-role": "number", "data-name": name, "data-value": value };
  if (!cell || !walk) return el("span", { ...told, title: part.kind === "count" ? null : String(value) }, written(part));
  const [tensor, index] = cell;
  const title = `${value} = ${tensor}[${index.join(", ")}]: where does it come from?`;
  return el("button", { ...told, type: "button", title, onclick: () => walk(tensor, index) }, written(part));
}
