// Several lines of a prompt as one, over the folded box while nobody writes there: its end, or all of it. The button that
// unfolds the box is there where the box does not show all.

import { el, write } from "../shared/dom.js";

const MOST = 400; // letters, more than a line has room for

/** @param {View} view */
export function buildLine(view) {
  view.line = el("div", { class: "line", "aria-hidden": "true" }, el("span"));
  const sizes = new ResizeObserver(() => offerUnfolding(view));
  sizes.observe(view.area);
  view.cleanups.push(() => sizes.disconnect());
  return view.line;
}

/** @param {View} view */
export function drawLine(view) {
  const { value } = view.area;
  const lines = value.split("\n").length;
  view.root.classList.toggle("several", lines > 1);
  write(view.unfold, lines > 1 ? `${lines} lines ⌄` : "⌄");
  if (lines > 1) write(view.line.firstChild, value.slice(-MOST).replaceAll("\n", "↵"));
  requestAnimationFrame(() => offerUnfolding(view)); // in the frame of the overview, which asks for places, too
}

function offerUnfolding(view) {
  const { root, area, unfold } = view;
  const all = !root.matches(".several, .unfolded") && area.scrollWidth <= area.clientWidth;
  unfold.style.visibility = all ? "hidden" : "visible";
}
