// A plot by keyboard: one stop of the Tab key, arrows that go from point to point, and Enter for what a click does.

import { put } from "../shared/dom.js";
import { clamp, short } from "../shared/numbers.js";

const RING = 22; // px
const DOT = 9; // px between two points of which one covers much of the other
/** @type {Record<string, [string, number]>} */
const STEPS = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1] };

/**
 * Has the keyboard move over the points of a plot.
 * @param {any} drawn - the plot, its ring, and its cursor: the place of a point in the figure, [trace, index]
 * @param {(point: any) => void} pointAt - hears where the cursor is; null once the focus is elsewhere
 * @param {(name: string, form: boolean) => void} choose - hears of Enter, and of C where that opens a form
 */
export function hearKeys(drawn, pointAt, choose) {
  const { plot, ring } = drawn;
  ring.style.cssText = `position: absolute; width: ${RING}px; height: ${RING}px; margin: ${-RING / 2}px; border: 2px solid currentcolor; border-radius: 50%; pointer-events: none;`;
  ring.hidden = true;
  const show = () => {
    const point = pointsOf(plot).find((each) => same(each.at, drawn.cursor));
    ring.hidden = !point;
    if (point) [ring.style.left, ring.style.top] = [`${point.x}px`, `${point.y}px`];
    pointAt(point ?? null);
    name(drawn);
  };
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && show());
  plot.addEventListener("blur", () => {
    ring.hidden = true;
    pointAt(null);
  });
  plot.addEventListener("keydown", (event) => {
    const all = drawn.component.data.points ? pointsOf(plot) : [];
    if (!all.length) return;
    const here = all.find((point) => same(point.at, drawn.cursor)) ?? all[0];
    if (event.key === "Enter" || event.key === " ") choose(here.name, false);
    else if (event.key === "c" && !event.ctrlKey && !event.metaKey && drawn.component.data.forms) choose(here.name, true);
    else if (event.key in STEPS || event.key === "Home" || event.key === "End") {
      drawn.cursor = next(all, here, event.key).at;
      show();
    } else return;
    event.preventDefault();
  });
}

/**
 * Says what the plot is, and at which point the keyboard stands.
 * @param {any} drawn
 */
export function name(drawn) {
  const { plot, component } = drawn;
  const all = component.data.points ? pointsOf(plot) : [];
  if (!all.length) return;
  if (!all.some((point) => same(point.at, drawn.cursor))) drawn.cursor = all[0].at;
  const here = all.find((point) => same(point.at, drawn.cursor));
  put(plot, "tabindex", 0);
  put(plot, "role", "application");
  put(plot, "aria-label", `${component.data.label}: ${all.length} points; arrows go from one to the next. ${here.words}`);
}

function same(one, other) {
  return one?.[0] === other?.[0] && one?.[1] === other?.[1];
}

/** The point that a key leads to: along its line, or the next one across or up and down among all. */
function next(all, here, key) {
  if (key === "Home" || key === "End") return inOrder(all, "x").at(key === "Home" ? 0 : -1);
  const [axis, step] = STEPS[key];
  const [trace, index] = here.at;
  if (here.line) {
    const lines = [...new Set(all.map(({ at }) => at[0]))];
    const other = lines[(lines.indexOf(trace) + 1) % lines.length];
    const to = axis === "x" ? [trace, index + step] : [other, index];
    return all.find(({ at }) => same(at, to)) ?? here;
  }
  const sorted = inOrder(all, axis);
  return sorted[clamp(sorted.indexOf(here) + step, 0, sorted.length - 1)];
}

function inOrder(all, axis) {
  const other = axis === "x" ? "y" : "x";
  return [...all].sort((one, two) => one[axis] - two[axis] || one[other] - two[other]);
}

/**
 * Returns the names of the points that a dot covers, itself too: those whose middle lies within it.
 * @param {any} plot
 * @param {string} name
 */
export function pointsAt(plot, name) {
  const all = pointsOf(plot).filter(({ line }) => !line);
  const own = all.find((point) => point.name === name);
  if (!own) return [name];
  const here = all.filter(({ x, y }) => Math.hypot(x - own.x, y - own.y) < DOT).map((point) => point.name);
  return [...new Set(here)].sort((one, two) => one.localeCompare(two, "en", { numeric: true }));
}

/** The points that can be chosen, with their places in px. */
function pointsOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout ?? {};
  if (!xaxis || !plot.calcdata) return [];
  return plot.calcdata.flatMap((points) => {
    const { trace } = points[0] ?? {};
    if (!trace?.customdata || trace.visible !== true) return [];
    return points.flatMap(({ i, x, y }) => {
      const told = trace.customdata[i];
      if (typeof told !== "string" || x === undefined || y === undefined || !Number.isFinite(y)) return [];
      const line = trace.mode.includes("lines");
      const words = `${line ? trace.name : told}: ${xaxis.title.text} ${read(trace.x[i])}; ${yaxis.title.text} ${read(trace.y[i])}`;
      return { at: [trace.index, i], name: told, line, words, x: xaxis._offset + xaxis.c2p(x), y: yaxis._offset + yaxis.c2p(y) };
    });
  });
}

function read(value) {
  return typeof value === "number" ? short(value) : value;
}
