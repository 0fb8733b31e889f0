// The heads behind a prediction: what the model says, with changes and without, and below it each head with its switch.

import { el, put, write } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { report } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

function build(root, view) {
  root.classList.add("card");
  view.title = el("h2");
  view.back = el("button", { type: "button", class: "quiet push", "data-role": "all-back", onclick: () => tell(view, { kind: "back" }) }, "Take all back");
  view.explore = el("button", { type: "button", class: "quiet", "data-role": "to-explore", onclick: () => tell(view, { kind: "explore" }) }, "See it on Explore");
  view.said = el("div", { class: "said" });
  view.told = el("p", { class: "told", role: "status" });
  view.titles = el("div", { class: "titles soft" });
  view.rows = el("div", { class: "rows", role: "group", "aria-label": "Heads, the one that is missed most first" });
  view.more = el("p", { class: "soft more" });
  root.append(el("header", {}, view.title, view.back, view.explore), view.said, view.told, el("div", { class: "box scroll" }, view.titles, view.rows, view.more));
  arrowsMove(view.rows);
  view.rows.addEventListener("click", (event) => {
    const { kind, layer, head } = event.target.closest("button")?.dataset ?? {};
    if (kind) tell(view, { kind, layer: Number(layer), head: Number(head) });
  });
}

function tell(view, event) {
  report(view, { ...event, origin: view.data.origin });
}

// ---- what the model says -------------------------------------------------------------------------------------

function share(value) {
  return typeof value === "number" ? percent(value) : short(value);
}

function bar(value, name) {
  const wide = typeof value === "number" ? Math.max(0.4, 100 * value) : 0;
  return el("span", { class: `share ${name}` }, el("i", { style: `width: ${wide.toFixed(2)}%` }));
}

function saidLine({ token, before, after }) {
  const both = after !== null;
  return el(
    "div",
    { class: "line", "data-role": "said", "data-before": before, "data-after": after ?? "" },
    el("code", {}, visible(token)),
    el("span", { class: "bars" }, bar(before, "before"), both ? bar(after, "after") : null),
    el("span", { class: "number" }, share(before)),
    el("b", { class: "number" }, both ? `→ ${share(after)}` : ""),
  );
}

// ---- the heads -----------------------------------------------------------------------------------------------

/** Writes a loss that is gained without a head; what is below 0 is a gain of the token. */
function signed(value) {
  if (typeof value !== "number") return short(value);
  const text = value.toFixed(2).replace("-", "−");
  return /[1-9]/.test(text) ? `${value > 0 ? "+" : ""}${text}` : "0.00";
}

/** A token of the prompt, with its position where the prompt has it more than once. */
function placed(token, at, again) {
  return again ? `${visible(token)} ${at}` : visible(token);
}

function reading({ reads, kind }) {
  const tokens = reads.map(({ token, at, again, weight }) => el("span", { class: "read", title: `token ${at}: ${short(weight)} of its attention` }, el("code", {}, placed(token, at, again)), el("small", {}, typeof weight === "number" ? `${Math.round(100 * weight)} %` : short(weight))));
  return el("span", { class: "reads" }, ...tokens, kind ? el("span", { class: "kind" }, kind) : null);
}

function headLine(view, each, largest) {
  const { layer, head, lost, without, off } = each;
  const name = `${layer}.${head}`;
  const on = view.data.selected.join(".") === name;
  const size = typeof lost === "number" ? (100 * Math.abs(lost)) / largest : 0;
  const place = { "data-layer": layer, "data-head": head };
  const told = `without head ${name} the probability of ${visible(view.data.token)} is ${share(without)}, its loss ${signed(lost)} nats`;
  const choose = el(
    "button",
    { type: "button", class: "head", "data-kind": "head", ...place, "aria-pressed": String(on), title: `${told}. Click: its card.`, "aria-label": `Head ${name}: ${told}` },
    el("b", {}, name),
    reading(each),
    el("span", { class: "lost" }, el("i", { class: lost < 0 ? "against" : "for", style: `width: ${size.toFixed(1)}%` })),
    el("span", { class: "number soft" }, signed(lost)),
    el("b", { class: "number" }, share(without)),
  );
  const word = off ? "Off" : "Switch off";
  const turn = el("button", { type: "button", class: "quiet turn", "data-kind": "off", "data-role": "switch", ...place, "aria-pressed": String(off), "aria-label": `Head ${name} off`, title: off ? "switch it on again" : "and see above what the model says without it" }, word);
  const more = el("button", { type: "button", class: "quiet dots", "data-kind": "form", ...place, "aria-label": `more changes of head ${name}`, title: "more changes of this head, in its card: scale, set, mean, resample, patch" }, "…");
  return el("div", { class: on ? "row on" : "row", "data-role": "ranked-head", "data-name": name, "data-lost": lost, "data-without": without }, choose, turn, more);
}

function draw(view) {
  const { data } = view;
  const focused = view.rows.querySelector("button:focus")?.dataset;
  const largest = Math.max(1e-9, ...data.heads.map(({ lost }) => (typeof lost === "number" ? Math.abs(lost) : 0)));
  view.said.replaceChildren(...data.said.map(saidLine));
  view.titles.replaceChildren(
    el("span", {}, "head"),
    el("span", {}, `reads at ${placed(data.after, data.position, data.again)}`),
    el("span", { class: "wide", title: `the loss of ${visible(data.token)} that is gained when this head alone is switched off, in nats` }, `loss of ${visible(data.token)} here without it, nats`),
    el("span", { title: `the probability of ${visible(data.token)} when this head alone is switched off` }, `${visible(data.token)} without it`),
  );
  view.rows.replaceChildren(...data.heads.map((each) => headLine(view, each, largest)));
  keepStop(view.rows);
  if (focused) view.rows.querySelector(`[data-kind="${focused.kind}"][data-layer="${focused.layer}"][data-head="${focused.head}"]`)?.focus();
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  if (view.drawn !== data) {
    view.drawn = data;
    write(view.title, `Heads behind ${visible(data.token)}, after ${placed(data.after, data.position, data.again)}`);
    view.back.hidden = view.explore.hidden = data.changes === "";
    view.root.toggleAttribute("data-changed", data.changes !== "");
    put(view.told, "data-changes", data.changes);
    write(view.told, data.told);
    write(view.more, data.left_out ? `${data.left_out} more heads do less; the table has them all.` : "");
    draw(view);
  }
  painted(view, "head-ranking");
  return cleanup(component);
}
