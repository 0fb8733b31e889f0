// The parts of a head's card that are words and numbers.

import { el } from "../shared/dom.js";
import { short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";

const STATES = { "active here": "active", "inactive here": "inactive", "not applicable": "none" };

/** Two digits behind the point: scores lie between 0 and 1. */
function two(value) {
  return typeof value === "number" ? value.toFixed(2).replace("-", "−") : "–";
}

/** Three digits behind the point; a text where the number is none. */
function three(value) {
  return typeof value === "number" ? value.toFixed(3) : short(value);
}

/** A bar from 0 to 1 with its number, and a mark at the level by chance. */
function bar(value, chance, about) {
  const known = typeof value === "number";
  const part = known ? `${(100 * Math.min(1, Math.max(0, value))).toFixed(1)}%` : "0%";
  const mark = typeof chance === "number" ? el("i", { style: `left: ${(100 * chance).toFixed(1)}%` }) : null;
  const title = typeof chance === "number" ? `${about}: ${short(value ?? "nan")}; by chance ${short(chance)}` : about;
  return el("div", { class: "bar", title }, el("span", { class: "fill", style: `width: ${part}` }), known ? mark : null, el("b", { class: "number" }, two(value)));
}

/** @param {any[]} found */
export function scores(found) {
  const rows = found.map(({ name, about, probe, chance, here, chance_here, state }) =>
    el(
      "tr",
      { "data-score": name, "data-here": here ?? "", "data-probe": probe },
      el("th", { scope: "row", title: about }, name),
      el("td", {}, bar(probe, chance, "on the probe")),
      el("td", {}, bar(here, chance_here, "on this prompt")),
      el("td", { class: `state ${STATES[state]}` }, state),
    ),
  );
  const head = el("tr", {}, el("td"), el("th", { scope: "col" }, "on the probe"), el("th", { scope: "col" }, "on this prompt"), el("td"));
  return el("table", { class: "scores" }, el("thead", {}, head), el("tbody", {}, ...rows));
}

/**
 * Where queries look.
 * @param {string} title
 * @param {any[]} found
 * @param {boolean} queries - tell the queries too
 */
export function edges(title, found, queries) {
  const lines = found.map(({ query, key, at, again, weight }) =>
    el(
      "li",
      { "data-query": at[0], "data-key": at[1], title: `from token ${at[0]} to token ${at[1]}: ${short(weight)}` },
      el("span", { class: "edge" }, queries ? token(query) : null, queries && again ? el("small", {}, at[0]) : null, queries ? el("span", { class: "arrow" }, "→") : null, token(key), el("small", {}, at[1])),
      el("b", { class: "number" }, two(weight)),
    ),
  );
  return [el("h4", {}, title), el("ol", { class: "edges" }, ...lines)];
}

function token(label) {
  return el("code", {}, visible(label));
}

/** Tokens with their numbers, as a line: the largest first. */
export function tokens(before, after, { of, tokens: found }) {
  const chips = found.map(([label, value]) => el("span", { class: "chip", title: short(value) }, token(label), el("small", { class: "number" }, two(value))));
  return [el("h4", {}, before, token(of), after), el("div", { class: "chips" }, ...chips)];
}

/** @param {any[]} found */
export function ratios(found) {
  const rows = found.map(({ name, about, value, chance }) => el("div", { class: "ratio", title: about }, el("span", {}, name), el("b", { class: "number", "data-value": value }, two(value)), el("span", { class: "soft" }, chance)));
  return el("div", { class: "ratios" }, ...rows);
}

/** The earlier heads that are read: a row for queries, keys and values, a column for each way to tell. */
export function writers(found) {
  if (!found.some(({ reads }) => Object.values(reads).some((heads) => heads.length))) {
    return el("p", { class: "soft" }, "It is in the first block: no head writes before it.");
  }
  const titles = found.map(({ name, about, chance }) => el("th", { scope: "col", title: about }, name, el("small", {}, `chance ${short(chance).slice(0, 5)}`)));
  const rows = ["q", "k", "v"].map((which) => {
    const cells = found.map(({ reads, chance }) => el("td", {}, ...reads[which].map((each) => writer(each, chance))));
    return el("tr", {}, el("th", { scope: "row", class: `concept ${which}` }, which.toUpperCase()), ...cells);
  });
  return el("table", { class: "writers" }, el("thead", {}, el("tr", {}, el("td"), ...titles)), el("tbody", {}, ...rows));
}

/** A head that is read; one that is not read more than by chance is pale. */
function writer([layer, head, score], chance) {
  const name = `${layer}.${head}`;
  return el("button", { type: "button", class: score > chance ? "to" : "to low", "data-to": name, "data-layer": layer, "data-head": head, title: `the card of head ${name}` }, name, el("small", { class: "number" }, typeof score === "number" ? score.toPrecision(3) : short(score)));
}

/** What a whole text loses without the head. */
export function loss({ about, loss: whole, without, asked }) {
  const lines = [];
  if (whole !== null && without !== null) {
    const lost = without - whole; // not a number where one of them is none
    const told = Number.isNaN(lost) ? "" : ` (${lost < 0 ? "−" : "+"}${Math.abs(lost).toFixed(3)})`;
    lines.push(
      el(
        "p",
        { class: "worth", "data-loss": whole, "data-without": without },
        "with it ",
        el("b", { class: "number" }, three(whole)),
        " → without it ",
        el("b", { class: "number" }, three(without)),
        el("b", { class: `number ${lost < 0 ? "less" : "more"}` }, told),
        " nats",
      ),
    );
  }
  lines.push(el("p", { class: "soft" }, about));
  if (asked) lines.push(el("button", { type: "button", class: "quiet", "data-role": "measure" }, asked));
  return lines;
}
