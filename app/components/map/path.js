// The header of the diagram: the path from the whole model to the view that is drawn, and the choice of a block.

import { el } from "../shared/dom.js";
import { report } from "../shared/sending.js";

export function makePicker(view) {
  const step = (by) => chooseLayer(view, view.data.layer + by);
  const button = (name, sign, by) =>
    el("button", { type: "button", class: "quiet", "aria-label": name, onclick: () => step(by) }, sign);
  view.less = button("previous block", "‹", -1);
  view.more = button("next block", "›", 1);
  view.select = el("select", {
    "aria-label": "Transformer block",
    onchange: (event) => chooseLayer(view, Number(event.target.value)),
  });
  return el("div", { class: "picker" }, view.less, view.select, view.more);
}

function chooseLayer(view, layer) {
  if (layer >= 0 && layer < view.data.n_layer) report(view, { kind: "layer", id: view.data.selected, layer });
}

export function drawPicker(view) {
  const { layer, n_layer } = view.data;
  if (view.select.options.length !== n_layer) {
    const options = Array.from({ length: n_layer }, (_, i) => el("option", { value: i }, `block ${i}`));
    view.select.replaceChildren(...options);
    view.select.title = `${n_layer} equal blocks, 0 to ${n_layer - 1}: choose which one to look into`;
  }
  view.select.value = String(layer);
  view.less.disabled = layer <= 0;
  view.more.disabled = layer >= n_layer - 1;
  view.picker.hidden = n_layer < 2;
}

export function drawPath(view) {
  const { breadcrumbs } = view.data;
  const key = JSON.stringify(breadcrumbs);
  if (view.pathKey === key) return;
  view.pathKey = key;
  const last = breadcrumbs.length - 1;
  const items = breadcrumbs.map(({ id, label }, i) => {
    if (i === last) return el("span", { class: "here", "aria-current": "page" }, label);
    return el("button", { type: "button", class: "crumb", onclick: () => report(view, { kind: "up", id }) }, label);
  });
  view.path.replaceChildren(...items.flatMap((item, i) => (i ? [el("i", {}, "›"), item] : [item])));
  view.path.scrollLeft = view.path.scrollWidth;
}

export function goUp(view) {
  const { breadcrumbs } = view.data;
  if (breadcrumbs.length > 1) report(view, { kind: "up", id: breadcrumbs.at(-2).id });
}
