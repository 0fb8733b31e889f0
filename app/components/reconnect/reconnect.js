// The line that says when the connection is lost. When it is back, or an answer does not come, the page asks for a run
// of all of it, and brings along what it showed: the session that answers may never have seen it.

import { addressOf } from "../shared/address.js";
import { answers, connected, onConnection, running } from "../shared/connection.js";
import { el } from "../shared/dom.js";
import { tellNote, whereabouts } from "../shared/here.js";
import { nextNumber } from "../shared/sending.js";
import { cleanup, listen, viewOf } from "../shared/view.js";
import { closeErrors } from "./dialog.js";

const LOST = "Connection lost: trying again. Your text is kept.";
const PATIENCE = 3000; // ms until the page asks again
const TRIES = 6; // then it is opened anew; a server that has just begun may take long over its first page
const LONG = 60_000; // ms for which a run is waited for; a line that leads nowhere tells of no end
const BEHIND = 3000; // ms for which the line stays until the numbers are those of the box; another page has none
const ONCE = 60_000; // ms in which it is opened anew once

function build(root, view) {
  view.text = el("span", { role: "status", "aria-live": "polite" });
  view.close = el("button", { type: "button", "aria-label": "Close", onclick: () => tellNote("") }, "✕");
  view.line = el("div", { class: "line", hidden: true, "data-role": "connection" }, view.text, view.close);
  root.append(view.line);
  Object.assign(view, { lost: false, behind: 0, asked: 0, tries: 0, timer: 0, since: 0 });
  view.cleanups.push(onConnection(() => follow(view)), closeErrors(), () => clearTimeout(view.timer), () => clearTimeout(view.behind));
  listen(view, "gptscope:late", () => check(view));
  listen(view, "gptscope:answer", (event) => hear(view, event.detail));
  listen(view, "gptscope:note", () => draw(view));
  listen(view, "gptscope:shown", (event) => view.behind && event.detail === whereabouts().text && caughtUp(view));
  takeNoRoom(view);
  draw(view);
}

/** Out of the flow, so that Streamlit leaves no gap for it. */
function takeNoRoom({ root }) {
  const host = root.getRootNode().host;
  const container = host.closest('[data-testid="stElementContainer"]');
  if (container) Object.assign(container.style, { position: "absolute", width: "0", height: "0" });
}

function draw(view) {
  const lost = view.lost || view.behind > 0;
  const text = lost ? LOST : whereabouts().note;
  view.line.hidden = !text;
  view.line.dataset.kind = lost ? "lost" : "note";
  view.text.textContent = text;
  view.close.hidden = lost;
}

/** The connection was lost, or is back. */
function follow(view) {
  if (!connected()) {
    if (!view.lost) ask(view); // goes along with whatever is sent first
    view.lost = true;
    draw(view);
  } else if (view.lost) ask(view);
}

/** An answer is late: the server may be at work, or gone, or have forgotten this page. */
async function check(view) {
  if (!connected() || view.asked || atWork(view)) return;
  if (await answers()) return ask(view);
  view.lost = true;
  draw(view);
  again(view);
}

/** The server says that it is at work, and that is not too long ago. */
function atWork(view) {
  if (!running()) view.since = 0;
  else view.since ||= performance.now();
  return running() && performance.now() - view.since < LONG;
}

function again(view) {
  clearTimeout(view.timer);
  view.timer = setTimeout(() => retry(view), PATIENCE);
}

async function retry(view) {
  if (!connected() || atWork(view) || !(await answers())) return again(view);
  if (view.tries < TRIES) return ask(view);
  openAnew();
}

/** The last resort: a connection that looks open and leads nowhere. The address holds all that is to be kept. */
function openAnew() {
  const before = Number(sessionStorage.getItem("gptscope:anew"));
  if (Date.now() - before < ONCE) return;
  sessionStorage.setItem("gptscope:anew", String(Date.now()));
  const { state, text } = whereabouts();
  location.replace(addressOf(state, text));
}

function ask(view) {
  const { origin, state, text } = whereabouts();
  view.asked = nextNumber();
  view.tries += 1;
  view.send("event", { about: origin, state, text, seq: view.asked });
  again(view);
}

/** The answer has come. */
function hear(view, seq) {
  if (!view.asked || seq < view.asked || !connected()) return;
  clearTimeout(view.timer);
  if (view.lost && whereabouts().text !== null) view.behind ||= setTimeout(() => caughtUp(view), BEHIND);
  Object.assign(view, { lost: false, asked: 0, tries: 0 });
  draw(view);
}

/** The numbers are those of the text in the box, to which the answer alone may not have brought them yet. */
function caughtUp(view) {
  clearTimeout(view.behind);
  view.behind = 0;
  draw(view);
}

export default function (component) {
  viewOf(component, build);
  return cleanup(component);
}
