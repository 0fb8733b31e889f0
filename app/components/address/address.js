// The address of the page follows the state, on pause, and the prompt also while it grows without one; back and forward ask the server for the state of an address.

import { addressOf, spelled } from "../shared/address.js";
import { connected, onWork, working } from "../shared/connection.js";
import { hide } from "../shared/dom.js";
import { sessionOf, tellHere, tellNote, whereabouts } from "../shared/here.js";
import { nextNumber } from "../shared/sending.js";
import { cleanup, listen, viewOf } from "../shared/view.js";
import { leaveBehind, takeLeft } from "./left.js";

const REST = 600; // ms after the last change, when the address is written
const OFTEN = 400; // ms for which a prompt that grows may be ahead of it: browsers refuse more than a few a second
const RUN = 5000; // ms within which more typing belongs to the typing before: back does not step through it
const SOON = 50; // ms until it is looked again whether the page that back leads to is there

function build(_, view) {
  Object.assign(view, { resting: 0, going: false, go: 0, written: null, page: "", typedAt: -Infinity, since: 0, noted: "" });
  listen(view, "gptscope:here", () => writeSoon(view));
  listen(view, "popstate", () => {
    Object.assign(view, { going: true, go: 0 }); // the answer to what was asked for before is no longer waited for
    goSoon(view);
  });
  // Before Streamlit makes the entry of another page, that of this one is complete.
  const leave = (event) => view.resting && event.target.closest?.("header a") && write(view);
  document.addEventListener("click", leave, { capture: true });
  const stop = () => document.removeEventListener("click", leave, { capture: true });
  listen(view, "beforeunload", () => view.resting && leaveBehind(whereabouts().state));
  view.cleanups.push(onWork(() => mend(view)), stop, () => clearTimeout(view.resting), () => clearTimeout(view.turning));
}

/** Streamlit leaves the state out of the address of another page. */
function mend(view) {
  if (working() || view.going || view.written === null || location.search) return;
  history.replaceState(history.state, "", addressOf(view.written));
}

function goSoon(view) {
  clearTimeout(view.turning);
  view.turning = setTimeout(() => go(view), SOON);
}

/** Asks for the state of the address, once Streamlit has the page that belongs to it. */
function go(view) {
  if (!connected() || working()) return goSoon(view);
  const wanted = location.search.slice(1);
  if (!wanted || spelled(wanted) === spelled(whereabouts().state)) {
    view.going = false;
    view.written = wanted || null;
    return;
  }
  view.go = nextNumber();
  view.send("event", { go: wanted, seq: view.go });
}

function writeSoon(view) {
  clearTimeout(view.resting);
  if (!view.resting) view.since = performance.now();
  if (view.written === null) arrive(view);
  else if (isBehind(view)) write(view);
  else view.resting = setTimeout(() => write(view), REST);
}

/** What the page opened with is an entry of its own; a reload then brings back what its address did not have yet. */
function arrive(view) {
  write(view);
  const left = takeLeft();
  if (!left || view.written === null || spelled(left) === spelled(view.written)) return;
  history.replaceState(history.state, "", addressOf(left));
  Object.assign(view, { going: true, go: 0 });
  goSoon(view);
}

/** True where tokens are drawn, or keys typed, without a pause in which the prompt could be written. */
function isBehind(view) {
  return performance.now() - view.since > OFTEN && withoutPrompt(view.written) === withoutPrompt(whereabouts().state);
}

/** A new entry for another place, and for typing after a pause; more typing changes the one that is there. */
function write(view) {
  clearTimeout(view.resting);
  view.resting = 0;
  const { state } = whereabouts();
  if (view.going || !state || !connected()) return;
  const before = view.written;
  const elsewhere = view.page !== location.pathname; // the entry of another page is there already
  view.page = location.pathname;
  if (spelled(location.search) === spelled(state)) {
    view.written = state;
    return;
  }
  const typed = before !== null && withoutPrompt(before) === withoutPrompt(state);
  const goesOn = typed && performance.now() - view.typedAt < RUN;
  if (typed) view.typedAt = performance.now();
  view.written = state;
  if (before === null || goesOn || elsewhere) history.replaceState(history.state, "", addressOf(state));
  else history.pushState({}, "", addressOf(state));
}

function withoutPrompt(state) {
  const fields = new URLSearchParams(state);
  fields.delete("prompt");
  return fields.toString();
}

/** A sentence is told once. */
function tellOnce(view, { origin, note }) {
  const told = note ? `${sessionOf(origin)}.${note.number}` : "";
  if (!note || view.noted === told) return;
  view.noted = told;
  tellNote(note.text);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  hide(component);
  if (view.told !== data) {
    view.told = data;
    if (view.go && data.ack >= view.go) {
      Object.assign(view, { going: false, go: 0, written: null }); // what was refused is not left in the address
    }
    tellHere(data.origin, data.state);
    tellOnce(view, data);
    window.dispatchEvent(new CustomEvent("gptscope:answer", { detail: data.ack }));
  }
  return cleanup(component);
}
