// A head's card: its scores, where it looks, what it looks for and writes, which heads it reads from, what it is worth.

import { el, put, write } from "../shared/dom.js";
import { report } from "../shared/sending.js";
import { cleanup, listen, viewOf } from "../shared/view.js";
import { curve, drawPattern, isTall } from "./pictures.js";
import { edges, loss, ratios, scores, tokens, writers } from "./parts.js";

function build(root, view) {
  root.classList.add("card");
  view.title = el("h2");
  view.summary = el("p", { class: "summary" });
  view.explore = el("button", { type: "button", class: "quiet", "data-role": "show-head", onclick: () => tell(view, "explore") }, "Show on Explore");
  view.off = el("button", { type: "button", class: "quiet push", "data-role": "card-switch", onclick: () => tell(view, "off") });
  view.canvas = el("canvas", { role: "img" });
  view.curve = el("div");
  view.parts = Object.fromEntries(["scores", "here", "looks", "prefers", "writes", "ratios", "writers", "loss"].map((name) => [name, el("div")]));
  const { parts } = view;
  const left = el("div", {}, section("Attention scores", parts.scores), section("Where it looks", el("div", { class: "pair" }, parts.here, parts.looks)), section("Loss without it", parts.loss));
  const right = el("div", {}, section("Pattern here, and mean attention by distance", el("div", { class: "pair pictures" }, view.canvas, view.curve)), section("Reads and writes, by its weights", parts.prefers, parts.writes));
  const earlier = section("Reads from earlier heads", parts.writers);
  const copying = section("Copying, by its weights", parts.ratios);
  view.arrange = () => {
    // Both columns end at about the same height: beside a large pattern there is room at the left.
    const [atLeft, atRight] = isTall() ? [earlier, copying] : [copying, earlier];
    if (atLeft.parentElement !== left) left.append(atLeft);
    if (atRight.parentElement !== right) right.append(atRight);
    view.root.classList.toggle("tall", isTall());
    view.curve.replaceChildren(curve(view.data.by_distance));
    drawPattern(view);
  };
  root.append(el("header", {}, view.title, view.off, view.explore), el("div", { class: "box scroll", tabindex: 0, role: "region", "aria-label": "The card of this head" }, view.summary, el("div", { class: "columns" }, left, right)));
  view.redraw = () => drawPattern(view);
  listen(view, "resize", view.arrange);
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-to]");
    if (button) report(view, { kind: "head", layer: Number(button.dataset.layer), head: Number(button.dataset.head) });
    if (event.target.closest("[data-role=measure]")) tell(view, "measure");
  });
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), ...children);
}

function tell(view, kind) {
  const { layer, head } = view.data;
  report(view, { kind, layer, head });
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, parts } = view;
  put(view.root, "data-panel", "head-card");
  put(view.root, "data-head", `${data.layer}.${data.head}`);
  write(view.title, `Head ${data.layer}.${data.head}`);
  write(view.summary, data.summary);
  write(view.off, data.off ? "Switch on" : "Switch off");
  put(view.off, "title", data.off ? "let the head write again" : "see what the model says without this head: a change that stays on Explore");
  put(view.canvas, "aria-label", `The pattern of head ${data.layer}.${data.head} on this prompt`);
  parts.scores.replaceChildren(scores(data.scores));
  parts.here.replaceChildren(...edges(`from ${data.position}`, data.looks_here, false));
  parts.looks.replaceChildren(...edges("on the whole prompt", data.looks, true));
  parts.prefers.replaceChildren(...tokens("As a query, ", " looks for", data.prefers));
  parts.writes.replaceChildren(...tokens("When it reads ", ", it writes", data.writes));
  parts.ratios.replaceChildren(ratios(data.ratios));
  parts.writers.replaceChildren(writers(data.writers));
  parts.loss.replaceChildren(...loss(data.loss));
  view.arrange();
  return cleanup(component);
}
