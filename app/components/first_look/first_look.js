// What one sees at the first look. The server takes it away with the first action; its cross does, too.

import { el, write } from "../shared/dom.js";
import { visible } from "../shared/text.js";
import { cleanup, viewOf } from "../shared/view.js";

function build(root, view) {
  view.title = el("h2", {});
  view.seen = el("p", {});
  view.tries = el("ul", {});
  const close = el("button", { type: "button", class: "quiet", "aria-label": "close", onclick: () => (root.hidden = true) }, "×");
  root.append(el("div", { class: "top" }, view.title, close), view.seen, el("p", { class: "soft" }, "Two things to try:"), view.tries);
}

export default function (component) {
  const view = viewOf(component, build);
  const { title, seen, tries } = view.data;
  write(view.title, visible(title));
  write(view.seen, visible(seen));
  view.tries.replaceChildren(...tries.map((each) => el("li", {}, visible(each))));
  view.root.dataset.panel = "first_look";
  return cleanup(component);
}
