// From one grid to another: a cell is dragged there, or picked up by a click or Enter and put down by the next.

import { el, write } from "../shared/dom.js";
import { buttonOf, cellAt, focusAt, tellCell } from "./cells.js";
import { tell } from "./telling.js";

const FAR = 5; // px from which it is a drag and no click

export function listenToDrags(view) {
  /** @type {{ cell: [string, number, number], x: number, y: number } | null} */
  let from = null;
  view.ghost = el("span", { class: "ghost", "aria-hidden": "true", hidden: true });
  view.root.append(view.ghost);
  view.place.addEventListener("pointerdown", (event) => {
    view.dragged = false;
    const cell = cellAt(event.target);
    if (cell && view.data.drags && event.button === 0 && event.pointerType !== "touch") from = { cell, x: event.clientX, y: event.clientY };
  });
  view.place.addEventListener("pointermove", (event) => {
    if (from && !view.dragged && Math.hypot(event.clientX - from.x, event.clientY - from.y) > FAR) {
      view.dragged = true;
      view.place.setPointerCapture(event.pointerId);
      hold(view, from.cell);
    }
    if (from && view.dragged) follow(view, event);
    else if (view.held) preview(view, cellAt(event.target));
  });
  view.place.addEventListener("pointerup", (event) => {
    if (from && view.dragged) drop(view, under(view, event));
    from = null;
    setTimeout(() => (view.dragged = false)); // the click that comes with it is none
  });
  view.place.addEventListener("pointercancel", () => {
    from = null;
    letGo(view);
  });
  view.place.addEventListener("focusin", (event) => view.held && preview(view, cellAt(event.target)));
}

function under(view, event) {
  return cellAt(view.root.getRootNode().elementFromPoint(event.clientX, event.clientY));
}

function follow(view, event) {
  const box = view.root.getBoundingClientRect();
  view.ghost.hidden = false;
  view.ghost.style.transform = `translate(${event.clientX - box.left + 10}px, ${event.clientY - box.top + 8}px)`;
  preview(view, under(view, event));
}

/**
 * Picks a cell up.
 * @param {View} view
 * @param {[string, number, number]} cell
 */
export function hold(view, cell) {
  letGo(view);
  view.held = cell;
  const button = buttonOf(view, cell);
  button?.classList.add("held");
  button?.setAttribute("aria-pressed", "true");
  write(view.ghost, button?.textContent ?? "");
  view.root.classList.add("holding");
  tellCell(view, null);
}

/**
 * Forgets what was picked up.
 * @param {View} view
 */
export function letGo(view) {
  const button = view.held && buttonOf(view, view.held);
  button?.classList.remove("held");
  button?.removeAttribute("aria-pressed");
  view.held = null;
  if (view.ghost) view.ghost.hidden = true;
  view.root.classList.remove("holding");
  preview(view, null);
  tellCell(view, null);
}

/** Shades what a cell would change if it were put there: later rows, at its own and later columns. */
function preview(view, target) {
  const [grid, row, col] = target && view.held && target[0] !== view.held[0] ? target : ["", 0, 0];
  const told = `${grid} ${row} ${col}`;
  if (view.previewed === told) return;
  view.previewed = told;
  for (const [id, part] of view.parts) {
    part.buttons.forEach((line, i) =>
      line.forEach((button, k) => {
        button.classList.toggle("would", id === grid && i > row && k >= col);
        button.classList.toggle("target", id === grid && i === row && k === col);
      }),
    );
  }
}

function drop(view, target) {
  const held = view.held;
  letGo(view);
  if (held && target && target[0] !== held[0]) tell(view, { kind: "put", at: held, to: target });
}

/**
 * Does what a click means: the first picks a cell up, the next, in another grid, puts it down.
 * @param {View} view
 * @param {[string, number, number]} cell
 * @param {boolean} byKey - the focus then goes to where it most likely is to be put
 */
export function pickOrPut(view, cell, byKey) {
  const { held } = view;
  if (held && held[0] !== cell[0]) return drop(view, cell);
  if (held && held.join() === cell.join()) return letGo(view);
  hold(view, cell);
  const other = view.data.grids.find(({ id }) => id !== cell[0]);
  if (byKey && other) focusAt(view, [other.id, Math.min(cell[1], other.rows.length - 1), Math.min(cell[2], other.cols.length - 1)]);
}
