// One number and where it comes from.

import { el, parsed, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { light } from "../shared/lit.js";
import { short } from "../shared/numbers.js";
import { nextNumber } from "../shared/sending.js";
import { chooseLook } from "../shared/segments.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

function build(root, view) {
  root.dataset.role = "explanation";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Where this number comes from");
  view.value = el("strong", { class: "number" });
  view.where = el("span", { class: "soft" });
  view.formula = el("div", { class: "formula scroll", role: "math" });
  view.operands = el("div", { class: "operands" });
  view.check = el("p", { class: "soft number" });
  view.back = el("button", { type: "button", class: "link", hidden: true, onclick: () => tell(view, { back: true }) });
  const close = el("button", { type: "button", class: "quiet", "aria-label": "close", onclick: () => tell(view, { row: null }) }, "×");
  view.code = el("button", { type: "button", class: "link", onclick: () => chooseLook(view, "drawer", "code") });
  root.append(el("div", { class: "top" }, view.value, view.where, close), view.back, view.formula, view.operands, view.check, view.code);
  view.operands.addEventListener("click", (event) => {
    const row = event.target.closest("[data-open]");
    if (!row) return;
    const { name, cell } = view.data.operands[[...view.operands.children].indexOf(row)];
    tell(view, cell ? { open: name, cell } : { open: name });
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tell(view, { row: null });
    else if (event.key === "Backspace" && view.data.back) tell(view, { back: true });
  });
  view.cleanups.push(() => light(view, [], "feeds")); // the tensors that it is made from are lit as long as it is open
}

function tell(view, event) {
  view.send("explain", { ...event, seq: nextNumber() });
}

function drawOperands(view) {
  const rows = view.data.operands.map(({ name, index, values, count, cell }) =>
    el(
      "button",
      { type: "button", "data-open": name, title: cell ? `where ${name}[${cell.join(", ")}] comes from` : `inspect ${name}` },
      el("code", {}, `${name}${index}`),
      el("span", { class: "number" }, values, count > 1 ? el("i", {}, ` ${count} numbers`) : null),
    ),
  );
  view.operands.replaceChildren(...rows);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  const { name, index, where, value, recomputed, formula, formula_key, source } = data;
  write(view.value, short(value));
  write(view.where, where);
  const picture = window.gptscopeKept?.get(formula_key);
  if (picture !== undefined && view.pictured !== formula_key) {
    view.pictured = formula_key;
    view.formula.replaceChildren(parsed(picture));
    view.formula.scrollLeft = 0;
    view.formula.setAttribute("aria-label", formula);
  }
  const key = JSON.stringify(data.operands);
  if (view.operandsKey !== key) {
    view.operandsKey = key;
    const focused = view.operands.contains(focusedElement());
    drawOperands(view);
    if (focused) view.operands.firstChild?.focus(); // one walks on by Enter
  }
  write(view.check, `from these alone: ${short(recomputed)}`);
  write(view.code, source);
  write(view.back, data.back ? `‹ back to ${data.back}` : "");
  view.back.hidden = !data.back;
  light(view, data.operands.map((operand) => operand.name), "feeds");
  Object.assign(root.dataset, { name, index: index.join(","), value: String(value), recomputed: String(recomputed) });
  painted(view, "explanation");
  return cleanup(component);
}
