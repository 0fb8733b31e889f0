// The cells of a grid: a button each, in the colour of its number; together one stop of the Tab key.

import { ramp } from "../shared/colours.js";
import { el, put, write } from "../shared/dom.js";
import { clamp, short } from "../shared/numbers.js";
import { visible } from "../shared/text.js";
import { behind } from "../shared/tokens.js";

const LEVELS = 255;
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const WORDS = { put: "put here", after: "can have changed", changed: "changed", chosen: "chosen" };

/**
 * Returns the place of a cell, [grid, row, col]; null for what is none.
 * @param {EventTarget | null} node
 * @returns {[string, number, number] | null}
 */
export function cellAt(node) {
  const button = /** @type {HTMLElement | null} */ (node)?.closest?.("[data-row]");
  if (!(button instanceof HTMLElement)) return null;
  const part = /** @type {HTMLElement} */ (button.closest("[data-grid]"));
  return [part.dataset.grid ?? "", Number(button.dataset.row), Number(button.dataset.col)];
}

/**
 * Returns the button of a cell.
 * @param {View} view
 * @param {[string, number, number]} cell
 * @returns {HTMLButtonElement | undefined}
 */
export function buttonOf(view, [grid, row, col]) {
  return view.parts.get(grid)?.buttons[row]?.[col];
}

/** Makes the buttons, where the shape is another one: else the focus would be lost. */
export function makeCells(part, { rows, cols }) {
  const shape = `${rows.length} ${cols.length}`;
  if (part.shape === shape) return;
  part.shape = shape;
  part.heads = cols.map((_, col) => el("span", { class: "col", style: `grid-area: 1 / ${col + 2}` }));
  part.labels = rows.map((_, row) => el("span", { class: "row", style: `grid-area: ${row + 2} / 1` }));
  part.buttons = rows.map((_, row) =>
    cols.map((_, col) => el("button", { type: "button", class: "cell", tabindex: row + col === 0 ? "0" : "-1", "data-row": row, "data-col": col, style: `grid-area: ${row + 2} / ${col + 2}` })),
  );
  part.cells.replaceChildren(...part.heads, ...part.labels, ...part.buttons.flat());
}

/**
 * Draws numbers, colours and marks.
 * @param {View} view
 * @param {any} part
 * @param {any} grid
 */
export function drawCells(view, part, grid) {
  const { rows, cols, values, texts, marks, scale, high, first = 0 } = grid;
  const table = ramp(view, scale === "sequential" ? "--gs-sequential" : "--gs-diverging", LEVELS);
  const marked = new Map();
  for (const { row, col, word } of marks) marked.set(`${row} ${col}`, [...(marked.get(`${row} ${col}`) ?? []), word]);
  const apart = new Set(grid.apart ?? []);
  part.heads.forEach((head, col) => {
    const name = visible(cols[col]).replace(/(\w)\.(?=\w)/g, "$1.\u200b"); // a long name may break behind its points
    write(head, name + behind(cols, col, first));
    put(head, "title", `${visible(cols[col])} (${col + first})`);
    head.classList.toggle("apart", apart.has(col));
  });
  part.labels.forEach((label, row) => write(label, rows[row]));
  part.buttons.forEach((line, row) =>
    line.forEach((button, col) => {
      const value = values[row][col];
      const known = typeof value === "number";
      const words = marked.get(`${row} ${col}`) ?? [];
      const text = texts ? visible(texts[row][col]) : known ? plain(value) : "–";
      write(button, text);
      paint(button, known ? table[level(value, scale, high ?? 1)] : null);
      button.className = ["cell", ...words].join(" ");
      button.dataset.value = String(value);
      put(button, "aria-label", `${describe(grid, row, col)}${words.map((word) => `, ${WORDS[word]}`).join("")}`);
    }),
  );
}

/** A number in a cell: two digits behind the point are enough there, the readout has more. */
function plain(value) {
  return (Math.abs(value) < 0.005 ? "0" : Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0)).replace("-", "−");
}

function level(value, scale, high) {
  const share = scale === "sequential" ? value / high : 0.5 + (0.5 * value) / high;
  return Math.round(clamp(share, 0, 1) * (LEVELS - 1));
}

/** A cell's colour, and letters that can be read on it. */
function paint(button, colour) {
  if (colour === null) {
    button.style.cssText = button.style.cssText.replace(/(background-color|color):[^;]*;?/g, "");
    return;
  }
  const [r, g, b] = [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const linear = [r, g, b].map((c) => (c <= 10.3 ? c / 3294.6 : Math.pow((c / 255 + 0.055) / 1.055, 2.4)));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  button.style.backgroundColor = `rgb(${r}, ${g}, ${b})`;
  button.style.color = light > 0.179 ? "#000000" : "#ffffff"; // where both have the same contrast
}

function describe(grid, row, col) {
  const place = `${grid.rows[row]}, ${visible(grid.cols[col])} (${col + (grid.first ?? 0)})`;
  const hint = grid.hints?.[row][col];
  return `${place}: ${hint ?? short(grid.values[row][col])}`;
}

/**
 * Writes what is told of the cell under the pointer; of none, what the pointer is for.
 * @param {View} view
 * @param {[string, number, number] | null} cell
 */
export function tellCell(view, cell) {
  const grid = cell && view.data.grids.find(({ id }) => id === cell[0]);
  const usual = view.data.drags ? "Drag a cell onto the other grid; or click it (Enter), then the place where to put it. Esc lets go." : "";
  write(view.readout, grid ? `${grid.title} · ${describe(grid, cell[1], cell[2])}` : view.held ? "Now click the place where to put it, in the other grid. Esc lets go." : usual);
}

/**
 * Moves the focus from a cell by an arrow; returns false for another key.
 * @param {View} view
 * @param {[string, number, number]} cell
 * @param {string} key
 */
export function moveTo(view, [grid, row, col], key) {
  const { buttons } = view.parts.get(grid);
  const [tall, wide] = [buttons.length, buttons[0].length];
  const places = { Home: [row, 0], End: [row, wide - 1] };
  if (key in STEPS) places[key] = [clamp(row + STEPS[key][0], 0, tall - 1), clamp(col + STEPS[key][1], 0, wide - 1)];
  const to = places[key];
  if (!to) return false;
  focusAt(view, [grid, to[0], to[1]]);
  return true;
}

/**
 * Focuses a cell, which becomes the stop of its grid.
 * @param {View} view
 * @param {[string, number, number]} cell
 */
export function focusAt(view, cell) {
  const next = buttonOf(view, cell);
  if (!next) return;
  for (const line of view.parts.get(cell[0]).buttons) for (const button of line) if (button.tabIndex === 0) button.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
