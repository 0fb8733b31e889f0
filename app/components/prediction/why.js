// Where the number of a row comes from: a button beside the numbers of the row that one points at.

import { el } from "../shared/dom.js";
import { nextNumber } from "../shared/sending.js";

/**
 * Makes the button; the key "?" on a row does the same.
 * @param {View} view
 */
export function buildWhy(view) {
  view.why = el("button", { type: "button", class: "quiet why", tabindex: "-1", hidden: true, onclick: () => ask(view, view.asking) }, "why?");
  view.rows.addEventListener("pointerover", (event) => showWhy(view, event.target.closest("button")));
  view.rows.addEventListener("scroll", () => hideWhy(view));
  view.rows.addEventListener("keydown", (event) => event.key === "?" && ask(view, event.target.closest("button")));
  view.cleanups.push(() => (view.asking = null));
  queueMicrotask(() => view.rows.parentElement.addEventListener("pointerleave", () => hideWhy(view)));
  return view.why;
}

function showWhy(view, row) {
  if (!row) return;
  view.asking = row;
  view.why.hidden = false;
  view.why.style.top = `${row.offsetTop - view.rows.scrollTop + 1}px`;
  view.why.title = "where this comes from (?)";
}

/** @param {View} view */
export function hideWhy(view) {
  view.why.hidden = true;
}

function ask(view, row) {
  if (!row) return;
  const { open, position } = view.data;
  view.send("explain", { open, cell: [0, position, Number(row.dataset.tokenId)], anew: true, seq: nextNumber() });
}
