// Changes that find no room in the line: a button shows all of them above it, each with its slider, until it is pressed
// again. Escape and a click beside them fold them, too.

import { el, put, write } from "../shared/dom.js";
import { listen } from "../shared/view.js";

/**
 * Returns the button, which is there while the list does not show all.
 * @param {View} view
 */
export function buildAll(view) {
  view.all = el("button", { type: "button", class: "quiet all", hidden: true, "data-role": "all-changes", title: "every change, with its slider", onclick: () => unfold(view, !isUnfolded(view)) });
  const sizes = new ResizeObserver(() => offerAll(view));
  sizes.observe(view.list);
  view.cleanups.push(() => sizes.disconnect());
  view.root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isUnfolded(view)) return;
    event.stopPropagation(); // one press undoes one thing
    view.all.focus();
    unfold(view, false);
  });
  listen(view, "pointerdown", (event) => !event.composedPath().includes(view.root) && unfold(view, false));
  unfold(view, false);
  return view.all;
}

/**
 * Offers the button where it is of use.
 * @param {View} view
 */
export function offerAll(view) {
  const { list, all } = view;
  if (list.children.length === 0 && isUnfolded(view)) return unfold(view, false);
  const open = isUnfolded(view);
  if (!open) all.hidden = list.scrollWidth <= list.clientWidth + 1;
  write(all, `all ${list.children.length} ${open ? "▾" : "▴"}`);
}

function isUnfolded(view) {
  return view.root.classList.contains("unfolded");
}

function unfold(view, open) {
  view.root.classList.toggle("unfolded", open);
  put(view.all, "aria-expanded", open);
  offerAll(view);
}
