// A search over all nodes of the model: "/" opens it from anywhere on the page.

import { el } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { report } from "../shared/sending.js";
import { listen } from "../shared/view.js";

const MOST = 8; // nodes that are listed

/**
 * Builds the box; `view.search` holds it.
 * @param {View} view
 */
export function buildSearch(view) {
  view.query = el("input", { type: "search", placeholder: "find a node   /", "aria-label": "Find a node by its name", spellcheck: "false", oninput: () => list(view) });
  view.found = el("div", { class: "found", hidden: true });
  view.search = el("div", { class: "search" }, view.query, view.found);
  view.search.addEventListener("keydown", (event) => pressed(view, event));
  view.found.addEventListener("click", (event) => choose(view, event.target.closest("button")));
  listen(view, "pointerdown", (event) => !event.composedPath().includes(view.search) && close(view));
  listen(view, "keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /INPUT|TEXTAREA|SELECT/.test(focusedElement()?.tagName ?? "")) return;
    event.preventDefault();
    view.query.focus();
  });
}

function close(view) {
  view.found.hidden = true;
}

/** All words must be found; names that begin with the first come first, then those of the block that is open. */
function matches(view) {
  const words = view.query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = window.gptscopeKept?.get(view.data.index_key);
  if (!words.length || text === undefined) return [];
  const all = JSON.parse(text).filter(([id, label]) => words.every((word) => `${id} ${label}`.toLowerCase().includes(word)));
  const rank = ([id, label, layer]) => {
    const starts = [label.toLowerCase(), id.split(".").at(-1)].some((name) => name.startsWith(words[0]));
    return (starts ? 0 : 2) + (layer === null || layer === view.data.layer ? 0 : 1);
  };
  return all.sort((a, b) => rank(a) - rank(b)).slice(0, MOST);
}

function list(view) {
  const rows = matches(view).map(([id, label]) => el("button", { type: "button", tabindex: "-1", "data-found": id }, el("b", {}, label), el("code", {}, id)));
  const none = view.query.value.trim() ? [el("p", { class: "soft" }, "no node of this name")] : [];
  view.found.replaceChildren(...(rows.length ? rows : none));
  view.found.hidden = view.found.children.length === 0;
}

function pressed(view, event) {
  const rows = [...view.found.querySelectorAll("button")];
  const at = rows.indexOf(event.target.closest("button"));
  if (event.key === "Enter" && at < 0) choose(view, rows[0]);
  else if (event.key === "ArrowDown") (rows[at + 1] ?? rows[0])?.focus();
  else if (event.key === "ArrowUp") (at > 0 ? rows[at - 1] : view.query).focus();
  else if (event.key === "Escape") {
    view.query.value = "";
    close(view);
  } else return;
  event.preventDefault();
}

function choose(view, row) {
  if (!row) return;
  report(view, { kind: "find", id: row.dataset.found });
  view.query.value = "";
  close(view);
}
