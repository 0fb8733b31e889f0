// Where it goes: for each cost a bar by part, of the supposed model and of the one on the screen, and a table.

import { amount, exact, share } from "../shared/amounts.js";
import { el, put, write } from "../shared/dom.js";
import { QUANTITIES, totalOf } from "./totals.js";

const NAMES = Object.keys(QUANTITIES);

export function buildParts(view) {
  view.bars = NAMES.map((name) => {
    const bar = (which) => el("div", { class: `stack ${which}`, role: "img", "data-bar": `${which} ${name}` });
    const made = { name, supposed: bar("supposed"), own: bar("own"), mine: el("span", { class: "number" }), its: el("span", { class: "soft number" }) };
    const words = el("h3", {}, QUANTITIES[name].words);
    made.node = el("div", { class: "bars" }, words, made.supposed, made.mine, made.own, made.its);
    return made;
  });
  view.ownName = el("span", { class: "soft push" });
  view.partRows = el("tbody", {});
  const head = el("tr", {}, el("th", { scope: "col" }, "part"), ...NAMES.map((name) => el("th", { scope: "col" }, QUANTITIES[name].words)));
  return el(
    "section",
    { class: "card parts" },
    el("header", {}, el("h2", {}, "Where it goes"), view.ownName),
    el("div", { class: "all" }, ...view.bars.map(({ node }) => node)),
    el("table", { class: "list" }, el("thead", {}, head), view.partRows),
  );
}

function drawStack(stack, parts, name, who) {
  const total = totalOf(parts, name);
  const said = parts.filter((part) => part[name]).map((part) => `${part.name} ${share(part[name] / total)}`);
  put(stack, "aria-label", `${QUANTITIES[name].words} of ${who}: ${said.join(", ") || "none"}`);
  while (stack.children.length < parts.length) stack.append(el("i", {}));
  parts.forEach((part, i) => {
    const piece = stack.children[i];
    const of = total ? part[name] / total : 0;
    put(piece, "class", `concept-${part.concept}`);
    if (piece.style.flexGrow !== String(of)) piece.style.flexGrow = String(of);
    put(piece, "title", `${part.name}: ${exact(part[name], QUANTITIES[name].unit)}, ${share(of)}`);
    put(piece, "data-part", part.name);
    put(piece, "data-value", part[name]);
  });
}

function makeRow(part) {
  const cells = NAMES.map((name) => ({ name, value: el("span", {}), of: el("span", { class: "soft" }) }));
  const node = el("tr", { "data-part": part.name }, el("th", { scope: "row" }, el("i", { class: `dot concept-${part.concept}` }), part.name));
  for (const { name, value, of } of cells) node.append(el("td", { class: "number", "data-cost": name }, value, of));
  return { node, cells };
}

export function drawParts(view) {
  const { parts, own, model } = view.data;
  write(view.ownName, `thin bars: ${model}`);
  for (const { name, supposed, own: its, mine, its: number } of view.bars) {
    const { unit } = QUANTITIES[name];
    drawStack(supposed, parts, name, "the supposed model");
    drawStack(its, own, name, model);
    write(mine, amount(totalOf(parts, name), unit));
    write(number, amount(totalOf(own, name), unit));
  }
  view.partLines ??= parts.map(makeRow);
  if (!view.partRows.children.length) view.partRows.append(...view.partLines.map(({ node }) => node));
  view.partLines.forEach(({ cells }, i) => {
    for (const { name, value, of } of cells) {
      const total = totalOf(parts, name);
      write(value, parts[i][name] ? amount(parts[i][name], QUANTITIES[name].unit, name !== "flops") : "–");
      put(value, "title", exact(parts[i][name], QUANTITIES[name].unit));
      put(value.parentElement, "data-value", parts[i][name]);
      write(of, parts[i][name] ? share(parts[i][name] / total) : "");
    }
  });
}
