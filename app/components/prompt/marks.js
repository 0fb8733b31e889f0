// The marks of tokens that were drawn, over a reload and over another session: the server that comes after knows the
// text alone. They stay as long as the tokens are the same.

import { listen } from "../shared/view.js";

const KEY = "gptscope:drawn";
const ARRIVAL = 5000; // ms in which a text comes back, maybe in two steps

/** @typedef {{ ids: number[], first: number, drawn: Record<string, string>, until?: number }} Marks */

/** Takes up what the page has left behind, and leaves it behind in turn. */
export function keepMarks(view) {
  view.left = taken();
  listen(view, "pagehide", () => save(view));
  view.cleanups.push(() => save(view));
}

/** Returns the marks: those of the server, and those that were left behind, by the token's place in the whole prompt. */
export function marksOf(view) {
  const { ids, first, drawn } = view.data;
  const marks = { ...still(view), ...drawn };
  view.known = { ids, first, drawn: marks };
  return marks;
}

/** Another session goes on with this text. */
export function leaveMarks(view) {
  if (view.known) view.left = { ...view.known, until: Date.now() + ARRIVAL };
}

/** The marks that were left behind of tokens that are as they were; of others they are gone for good. */
function still(view) {
  /** @type {Marks | null} */
  const left = view.left;
  if (!left) return {};
  const { ids, first } = view.data;
  const stop = first + ids.length;
  let at = Math.max(first, left.first);
  while (at < stop && ids[at - first] === left.ids[at - left.first]) at++;
  const marks = Object.entries(left.drawn);
  const same = marks.filter(([place]) => Number(place) < at);
  const comes = same.length < marks.length && at === stop && Date.now() < (left.until ?? 0); // the rest is on its way
  if (!comes) view.left = same.length ? { ...left, drawn: Object.fromEntries(same), until: 0 } : null;
  return Object.fromEntries(same);
}

function save({ known }) {
  try {
    if (known && Object.keys(known.drawn).length) sessionStorage.setItem(KEY, JSON.stringify(known));
    else sessionStorage.removeItem(KEY);
  } catch {
    // where nothing may be kept, the marks go with the page
  }
}

/** @returns {Marks | null} */
function taken() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    sessionStorage.removeItem(KEY);
    const [opened] = performance.getEntriesByType("navigation");
    const reloaded = opened instanceof PerformanceNavigationTiming && opened.type === "reload";
    return found && reloaded ? { ...found, until: Date.now() + ARRIVAL } : null;
  } catch {
    return null;
  }
}
