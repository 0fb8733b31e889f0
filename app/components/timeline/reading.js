// The values under the cursor: those of the snapshot nearest to it, in a box beside it.

import { el } from "../shared/dom.js";
import { nearest, places } from "./places.js";
import { seriesOf, told } from "./series.js";

/**
 * Returns the line and the box, which follow the pointer over the chart.
 * @param {View} view
 * @param {HTMLElement} chart
 */
export function reading(view, chart) {
  view.cursor = el("div", { class: "cursor", hidden: true });
  view.reading = el("div", { class: "reading", "data-role": "reading", hidden: true });
  chart.addEventListener("pointermove", ({ clientX }) => show(view, clientX - chart.getBoundingClientRect().left));
  chart.addEventListener("pointerleave", () => hide(view));
  return [view.cursor, view.reading];
}

/** @param {View} view */
export function hide(view) {
  view.cursor.hidden = view.reading.hidden = true;
}

function show(view, at) {
  if (!view.open || !view.history) return hide(view);
  const { history, stops } = view;
  const { kind, layer, head } = view.data;
  const { width } = view.space;
  const index = nearest(at, stops.length, width);
  const x = places(stops.length, width)(index);
  view.cursor.style.left = `${x}px`;
  view.reading.style.cssText = x > width / 2 ? `right: ${width - x + 9}px` : `left: ${x + 9}px`;
  view.reading.dataset.index = index;
  const { name, step } = history.opened;
  const where = stops[index] ?? step;
  const title = stops[index] === null ? `${name}${where === null ? "" : `, step ${where}`}` : `step ${where}`;
  const values = seriesOf(history, kind, [layer, head]).map(({ id, name: what, values }) =>
    el("span", { class: id, "data-series": id, "data-value": values[index] }, `${what} ${told(id, values[index])}`)
  );
  view.reading.replaceChildren(el("strong", {}, title), ...values);
  view.cursor.hidden = view.reading.hidden = false;
}
