// Files that the server makes on request. The request is a report, the answer an address: the file itself comes over HTTP.

import { el } from "../shared/dom.js";
import { download } from "../shared/pictures.js";
import { nextNumber } from "../shared/sending.js";

/**
 * Says what becomes of a file that was asked for.
 * @callback Tell
 * @param {string} text
 * @param {boolean} [stays] - true for what is still to come, and for what went wrong
 * @returns {void}
 */

/**
 * The rows of the menu: what the files are of, and a button for each kind.
 * @param {View} view
 * @param {Tell} tell
 */
export function fileRows(view, tell) {
  const rows = new Map();
  for (const { of, name, word } of view.data.files) {
    if (!rows.has(of)) rows.set(of, el("div", { class: "row" }, el("span", {}, of)));
    rows.get(of).append(el("button", { type: "button", "data-file": name, onclick: () => ask(view, name, tell) }, word));
  }
  return [...rows.values()];
}

function ask(view, name, tell) {
  view.asked = nextNumber();
  tell("The file is being made…", true);
  view.send("event", { file: name, seq: view.asked });
}

/**
 * Fetches the file that was asked for, once it is there, and saves it; true if it did. An answer to somebody else's
 * question is none: a page that is opened anew saves nothing by itself.
 * @param {View} view
 * @param {Tell} tell
 */
export async function takeFile(view, tell) {
  const { offer } = view.data;
  if (!offer || offer.seq !== view.asked) return false;
  view.asked = null;
  let saved = false;
  if (offer.refusal) {
    tell(offer.refusal, true);
  } else {
    try {
      const answer = await fetch(new URL(offer.url, document.baseURI)); // of our own server
      if (!answer.ok) throw new Error(answer.statusText);
      download(await answer.blob(), offer.name);
      saved = true;
      tell(`Saved as ${offer.name}.`);
    } catch {
      tell("The file did not arrive: ask for it once more.", true);
    }
  }
  view.send("event", { taken: offer.seq, seq: nextNumber() });
  return saved;
}
