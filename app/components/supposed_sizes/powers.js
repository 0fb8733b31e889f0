// What grows with what: the share of each cost that has T, T², C, C², V or L in it, and the parts that have it.

import { share } from "../shared/amounts.js";
import { el, put, write } from "../shared/dom.js";
import { QUANTITIES } from "./totals.js";

const NAMES = Object.keys(QUANTITIES);

export function buildPowers(view) {
  view.powers = el("tbody", {});
  const head = el("tr", {}, el("th", { scope: "col" }, "with"), ...NAMES.map((name) => el("th", { scope: "col" }, QUANTITIES[name].words)));
  return el(
    "section",
    { class: "card powers" },
    el("header", {}, el("h2", {}, "What grows with what")),
    el("p", { class: "soft" }, "The share of each cost that doubles with this letter, or becomes four times with its square; the dots are the parts that hold it."),
    el("table", { class: "list" }, el("thead", {}, head), view.powers),
  );
}

function makeRow(view, power) {
  const cells = NAMES.map((name) => {
    const made = { name, text: el("span", { class: "number" }), dots: el("span", { class: "dots", "aria-hidden": "true" }) };
    return { ...made, cell: el("td", { "data-cost": name }, made.text, made.dots) };
  });
  const letter = el("b", { "data-letter": power[0], title: view.data.letters[power[0]] }, power);
  return { power, cells, node: el("tr", { "data-power": power }, el("th", { scope: "row" }, letter), ...cells.map(({ cell }) => cell)) };
}

export function drawPowers(view) {
  const { shares, parts } = view.data;
  const concepts = Object.fromEntries(parts.map((part) => [part.name, part.concept]));
  view.powerLines ??= Object.keys(shares.params).map((power) => makeRow(view, power));
  if (!view.powers.children.length) view.powers.append(...view.powerLines.map(({ node }) => node));
  for (const { power, cells } of view.powerLines) {
    for (const { name, text, dots, cell } of cells) {
      const held = Object.entries(shares[name][power]);
      const sum = held.reduce((total, [, each]) => total + each, 0);
      write(text, share(sum));
      put(cell, "data-value", sum);
      put(cell, "title", held.map(([part, each]) => `${part} ${share(each)}`).join(", ") || "nothing");
      const key = held.map(([part]) => part).join();
      if (dots.dataset.parts === key) continue;
      dots.dataset.parts = key;
      dots.replaceChildren(...held.map(([part]) => el("i", { class: `dot concept-${concepts[part]}` })));
    }
  }
}
