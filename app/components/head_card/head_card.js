// A head's card: its scores, where it looks, what it looks for and writes, which heads it reads from, what it is worth.

import { el, put, write } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { panelInside } from "../shared/panel_inside.js";
import { nextNumber, report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { onUndo } from "../shared/undo.js";
import { cleanup, listen, viewOf } from "../shared/view.js";
import { curve, drawPattern, isTall } from "./pictures.js";
import { edges, loss, ratios, scores, tokens, writers } from "./parts.js";

function build(root, view) {
  root.classList.add("card");
  view.title = el("h2");
  view.summary = el("p", { class: "summary" });
  view.explore = el("button", { type: "button", class: "quiet", "data-role": "show-head", onclick: () => tell(view, "explore") }, "Show on Explore");
  view.off = el("button", { type: "button", class: "quiet push", "data-role": "card-switch", onclick: () => tell(view, "off") });
  view.form = el("button", { type: "button", class: "quiet", "data-role": "card-change", onclick: () => tell(view, "form") }, "more…");
  put(view.form, "title", "more changes of this head: scale, set, mean, resample or patch its output, take its pattern from another text");
  view.said = el("p", { class: "said", role: "status" });
  view.inside = { changes: panelInside(view, "changes"), form: panelInside(view, "change_form") };
  view.canvas = el("canvas", { role: "img" });
  view.curve = el("div");
  view.parts = Object.fromEntries(["scores", "here", "looks", "prefers", "writes", "ratios", "writers", "loss"].map((name) => [name, el("div")]));
  view.ofText = el("span");
  const { parts } = view;
  const left = el("div", {}, section("Attention scores", parts.scores), section("Where it looks", el("div", { class: "pair where" }, parts.here, parts.looks)), section(view.ofText, parts.loss));
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
  const { changes, form } = view.inside;
  root.append(el("header", {}, view.title, view.off, view.form, view.explore), changes.place, view.said, form.place, el("div", { class: "box scroll", tabindex: 0, role: "region", "aria-label": "The card of this head" }, view.summary, el("div", { class: "columns" }, left, right)));
  view.asked = 0;
  view.redraw = () => drawPattern(view);
  onUndo(view, (step) => view.data.changes?.[step], (step) => report(view, { kind: "changes", report: { kind: step, seq: nextNumber() } }));
  listen(view, "resize", view.arrange);
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-to]");
    if (button) report(view, { kind: "head", layer: Number(button.dataset.layer), head: Number(button.dataset.head) });
    if (event.target.closest("[data-role=measure]")) tell(view, "measure");
  });
}

/** What the changes make of the prediction: of its likeliest token, and of the one that is the likeliest then. */
function drawSaid(view) {
  const share = (value) => (typeof value === "number" ? percent(value) : short(value));
  const tokens = view.data.said.map(({ token, before, after }) =>
    el("span", { class: "number", "data-before": before, "data-after": after }, el("code", {}, visible(token)), ` ${share(before)} → `, el("b", {}, share(after))),
  );
  view.said.hidden = tokens.length === 0;
  view.said.replaceChildren(...(tokens.length ? ["The prediction: ", ...tokens] : []));
}

/** The line of the changes and the form are those of Explore. */
function drawInside(view) {
  const { changes, change_form: form, layer, head } = view.data;
  view.inside.changes.draw(changes);
  view.inside.form.draw(form);
  put(view.form, "aria-expanded", form !== null);
  put(view.form, "aria-label", `more changes of head ${layer}.${head}`);
  if (form && form.asked > view.asked) view.inside.form.place.scrollIntoView({ block: "nearest" });
  view.asked = form?.asked ?? view.asked;
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
  write(view.ofText, `Mean loss of ${data.loss.title}, without this head`);
  parts.loss.replaceChildren(...loss(data.loss));
  drawSaid(view);
  drawInside(view);
  view.arrange();
  return cleanup(component);
}
