// All heads as a table: a click on a title sorts, the selects above filter, a click on a head chooses it.

import { el, put } from "../shared/dom.js";
import { short } from "../shared/numbers.js";
import { arrowsMove, stopAt } from "../shared/roving.js";
import { report } from "../shared/sending.js";
import { cleanup, viewOf } from "../shared/view.js";

const KINDS = { "": "all heads", sinks: "sinks", "no sinks": "no sinks" };

function build(root, view) {
  root.classList.add("card");
  view.sort = { column: -1, down: false }; // -1: by place
  view.kind = el("select", { "aria-label": "Kind of head", onchange: () => fill(view) });
  view.layer = el("select", { "aria-label": "Block", onchange: () => fill(view) });
  view.count = el("span", { class: "soft push", role: "status" });
  view.head = el("tr");
  view.chance = el("tr", { class: "chance" });
  view.body = el("tbody", { "data-role": "heads" });
  const table = el("table", {}, el("thead", {}, view.head), el("tbody", {}, view.chance), view.body);
  root.append(el("header", { class: "filters" }, el("label", {}, "Show", view.kind), el("label", {}, "of", view.layer), view.count), el("div", { class: "box scroll" }, table));
  arrowsMove(view.body);
  arrowsMove(view.head);
  view.body.addEventListener("click", (event) => choose(view, event.target.closest("tr"), event.target.closest(".dots") !== null));
  view.body.addEventListener("pointerover", (event) => pointAt(view, event.target.closest("tr")));
  view.body.addEventListener("pointerleave", () => pointAt(view, null));
  view.body.addEventListener("focusin", (event) => pointAt(view, event.target.closest("tr")));
  view.body.addEventListener("focusout", () => pointAt(view, null));
}

function choose(view, row, form) {
  if (row?.dataset.head) report(view, { point: row.dataset.head, form });
}

function pointAt(view, row) {
  const box = row?.getBoundingClientRect();
  const place = box && { x: view.root.getBoundingClientRect().right - 14, y: box.top + box.height / 2 };
  const detail = { key: view.component.key, point: row?.dataset.head ?? null, place: place ?? null };
  window.dispatchEvent(new CustomEvent("gptscope:point", { detail }));
}

/** Two digits behind the point; all of them are in the tooltip. */
function shown(value) {
  return typeof value === "number" ? value.toFixed(2).replace("-", "−") : "–";
}

function sortBy(view, column) {
  view.sort = { column, down: view.sort.column === column ? !view.sort.down : column >= 0 };
  titles(view);
  fill(view);
}

/** Returns the largest size in each column, which the longest bar stands for. */
function sizes({ columns, rows }) {
  return columns.map((_, i) => Math.max(1e-9, ...rows.map(({ values }) => (typeof values[i] === "number" ? Math.abs(values[i]) : 0))));
}

function titles(view) {
  const { column: sorted, down } = view.sort;
  const longest = sizes(view.data);
  const title = (label, column, about) => {
    const on = sorted === column;
    const scale = column >= 0 ? `longest bar: ${short(longest[column])}` : "";
    const told = [about, scale].filter(Boolean).join("; ");
    const button = el("button", { type: "button", title: told, onclick: () => sortBy(view, column) }, label, on ? (down ? " ↓" : " ↑") : "", scale ? el("small", { "aria-hidden": "true" }, `to ${shown(longest[column])}`) : null);
    return el("th", { scope: "col", "aria-sort": on ? (down ? "descending" : "ascending") : "none", class: column === -2 ? "kind" : null }, button);
  };
  const focused = [...view.head.children].findIndex((cell) => cell.matches(":focus-within"));
  view.head.replaceChildren(
    title("head", -1, "by its place"),
    title("kind", -2, "the attention that it pays most, if 0.3 or more"),
    ...view.data.columns.map(({ label, about }, i) => title(label, i, about)),
  );
  const buttons = view.head.querySelectorAll("button");
  stopAt(view.head, buttons[Math.max(0, focused)]);
  if (focused >= 0) buttons[focused].focus();
  const cells = view.data.columns.map(({ chance }) => el("td", { class: "number" }, shown(chance)));
  view.chance.replaceChildren(el("td", {}, "chance"), el("td", {}), ...cells);
}

function options(select, words) {
  const key = JSON.stringify(words);
  if (select.dataset.options === key) return;
  const { value } = select;
  select.dataset.options = key;
  select.replaceChildren(...Object.entries(words).map(([name, word]) => el("option", { value: name }, word)));
  select.value = value in words ? value : "";
}

function kept(view) {
  const [kind, layer] = [view.kind.value, view.layer.value];
  return view.data.rows.filter((row) => {
    if (layer !== "" && row.layer !== Number(layer)) return false;
    if (kind === "sinks") return row.sink;
    if (kind === "no sinks") return !row.sink;
    return kind === "" || row.kind === kind;
  });
}

function ordered(view, rows) {
  const { column, down } = view.sort;
  const key = (row) => {
    if (column === -1) return 1000 * row.layer + row.head;
    if (column === -2) return row.kind || (down ? "" : "~"); // without a kind: last
    const value = row.values[column];
    return typeof value === "number" ? value : down ? -Infinity : Infinity;
  };
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => (key(a) < key(b) ? -sign : key(a) > key(b) ? sign : 0));
}

function fill(view) {
  const { selected, rows } = view.data;
  const largest = sizes(view.data);
  const found = ordered(view, kept(view));
  view.body.replaceChildren(...found.map((row) => line(row, largest, `${row.layer}.${row.head}` === selected.join("."))));
  view.count.textContent = `${found.length} of ${rows.length}`;
  if (found.length) stopAt(view.body, view.body.querySelector('[aria-pressed="true"]') ?? view.body.querySelector("button"));
}

function line({ layer, head, kind, sink, values }, largest, on) {
  const name = `${layer}.${head}`;
  const cells = values.map((value, i) => {
    const part = typeof value === "number" ? (100 * Math.abs(value)) / largest[i] : 0;
    return el("td", { class: value < 0 ? "number against" : "number", style: `--part: ${part.toFixed(1)}%`, "data-value": value, title: short(value) }, shown(value));
  });
  const button = el("button", { type: "button", "aria-pressed": String(on) }, name);
  const more = el("button", { type: "button", class: "dots", "aria-label": `more changes of head ${name}`, title: "more changes of this head, in its card: off, scale, set, mean, resample, patch" }, "…");
  return el("tr", { "data-head": name, class: on ? "on" : null }, el("td", {}, button, more), el("td", { class: "kind" }, [kind, sink ? "sink" : ""].filter(Boolean).join(" · ")), ...cells);
}

export default function (component) {
  const view = viewOf(component, build);
  const { columns, rows } = view.data;
  put(view.root, "data-panel", "head-table");
  if (view.sort.column >= columns.length) view.sort = { column: -1, down: false };
  const kinds = [...new Set(rows.map(({ kind }) => kind))].filter(Boolean).sort();
  options(view.kind, { ...KINDS, ...Object.fromEntries(kinds.map((kind) => [kind, kind])) });
  const layers = [...new Set(rows.map(({ layer }) => layer))];
  options(view.layer, { "": "all blocks", ...Object.fromEntries(layers.map((layer) => [layer, `block ${layer}`])) });
  const focused = view.body.querySelector("tr:focus-within")?.dataset.head;
  titles(view);
  fill(view);
  if (focused) view.body.querySelector(`tr[data-head="${focused}"] button`)?.focus();
  return cleanup(component);
}
