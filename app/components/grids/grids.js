// Small matrices as grids of cells: what is told of them, and what is done with them.

import { el, put, write } from "../shared/dom.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { showMore } from "../shared/sideways.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { cellAt, drawCells, makeCells, moveTo, tellCell } from "./cells.js";
import { hold, letGo, listenToDrags, pickOrPut } from "./dragging.js";
import { tell } from "./telling.js";

const TOLD = 1500; // ms

function build(root, view) {
  view.told = el("p", { class: "told" });
  view.listed = el("div", { class: "listed", role: "group" });
  view.place = el("div", { class: "place" });
  view.readout = el("p", { class: "readout soft number" });
  view.parts = new Map();
  root.append(view.told, view.listed, view.place, view.readout);
  view.mark = showMore(view, view.place);
  arrowsMove(view.listed);
  view.listed.addEventListener("click", (event) => removeAt(view, event.target.closest("button")));
  view.place.addEventListener("click", (event) => clicked(view, event));
  view.place.addEventListener("keydown", (event) => pressed(view, event));
  for (const name of ["pointerover", "focusin"]) view.place.addEventListener(name, (event) => tellCell(view, cellAt(event.target)));
  for (const name of ["pointerleave", "focusout"]) view.place.addEventListener(name, () => tellCell(view, null));
  listenToDrags(view);
  view.redraw = () => draw(view);
}

function clicked(view, event) {
  const keep = event.target.closest("[data-keep]");
  if (keep) return tell(view, { kind: "keep", key: keep.dataset.keep });
  const copy = event.target.closest("[data-copy]");
  if (copy) return copyCode(view, copy);
  const cell = cellAt(event.target);
  if (!cell || view.dragged) return;
  if (view.data.drags) pickOrPut(view, cell, event.detail === 0);
  else tell(view, { kind: "cell", at: cell });
}

function pressed(view, event) {
  const cell = cellAt(event.target);
  if (!cell) return;
  if (event.key === "Escape") letGo(view);
  else if (!moveTo(view, cell, event.key)) return;
  event.preventDefault();
}

async function copyCode(view, button) {
  const { code } = view.data.grids.find(({ id }) => id === button.dataset.copy);
  let said = "copied";
  try {
    await navigator.clipboard.writeText(code);
  } catch {
    said = "not allowed";
  }
  write(button, said);
  setTimeout(() => write(button, "Copy code"), TOLD);
}

// ---- what was put --------------------------------------------------------------------------------------------

function removeAt(view, button) {
  if (!button) return;
  const { key } = button.dataset;
  tell(view, key === undefined ? { kind: "clear" } : { kind: "remove", key });
}

function drawListed(view) {
  const { listed, label } = view.data;
  view.listed.hidden = listed.length === 0;
  put(view.listed, "aria-label", `${label}: what was put`);
  const told = JSON.stringify(listed);
  if (view.toldListed === told) return;
  view.toldListed = told;
  const chips = listed.map(({ key, words }) =>
    el("button", { type: "button", class: "quiet chip-put", "data-key": key, "aria-label": `take away: ${words}`, title: "take it away" }, el("span", {}, words), el("span", { class: "cross", "aria-hidden": "true" }, "×")),
  );
  const clear = el("button", { type: "button", class: "quiet", "data-role": "clear" }, "clear all");
  view.listed.replaceChildren(...chips, ...(chips.length > 1 ? [clear] : []));
  keepStop(view.listed);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function newPart(view, grid) {
  const title = el("h2", {});
  const note = el("span", { class: "soft note" });
  const keep = el("button", { type: "button", class: "quiet push", "data-keep": grid.id, title: "have what was put here stay as a change of the run, listed on Explore" });
  const copy = el("button", { type: "button", class: "quiet", "data-copy": grid.id, title: "Python that makes these numbers" }, "Copy code");
  const cells = el("div", { class: "cells", role: "group" });
  const scroller = el("div", { class: "scroll wide" }, cells);
  const node = el("section", { class: "card part", "data-grid": grid.id }, el("header", {}, title, note, keep, copy), scroller);
  return { mark: showMore(view, scroller), node, title, note, keep, copy, cells, shape: "", buttons: [], heads: [] };
}

function draw(view) {
  const { grids, aligned, narrowest, widest } = view.data;
  const most = Math.max(...grids.map(({ cols }) => cols.length));
  view.place.style.setProperty("--most", String(most));
  for (const [id, part] of view.parts) {
    if (grids.some((grid) => grid.id === id)) continue;
    part.node.remove();
    view.parts.delete(id);
  }
  grids.forEach((grid, i) => {
    if (!view.parts.has(grid.id)) view.parts.set(grid.id, newPart(view, grid));
    const part = view.parts.get(grid.id);
    if (view.place.children[i] !== part.node) view.place.insertBefore(part.node, view.place.children[i] ?? null);
    put(part.node, "aria-label", grid.title);
    put(part.cells, "aria-label", `${grid.title}: cells`);
    write(part.title, grid.title);
    write(part.note, grid.note ?? "");
    part.keep.hidden = !grid.action;
    write(part.keep, grid.action ?? "");
    part.copy.hidden = !grid.code;
    part.copy.classList.toggle("push", !grid.action);
    part.node.dataset.code = grid.code ?? "";
    part.cells.style.setProperty("--cols", String(aligned ? most : grid.cols.length));
    part.cells.style.setProperty("--narrowest", `${narrowest}px`);
    part.cells.style.setProperty("--widest", `${widest}px`);
    part.node.classList.toggle("own-line", grid.wide ?? false);
    makeCells(part, grid);
    drawCells(view, part, grid);
    part.mark();
  });
  view.mark();
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  root.classList.toggle("aligned", data.aligned);
  root.classList.toggle("drags", data.drags);
  put(view.place, "aria-label", data.label);
  put(view.place, "role", "group");
  write(view.told, data.told);
  view.told.hidden = !data.told;
  drawListed(view);
  const held = view.held;
  letGo(view);
  draw(view);
  const about = JSON.stringify([data.text, data.grids.map(({ id, rows, cols }) => [id, rows, cols])]);
  if (held && about === view.about) hold(view, held); // new numbers of the same cells end no drag
  view.about = about;
  tellCell(view, null);
  painted(view, "grids");
  return cleanup(component);
}
