// The prompt: a text area that is never written while the user types, its tokens as chips in one line, counter and notice.
// All of it keeps its place and size, however long the prompt is.

import { el, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { lock, onLock } from "../shared/following.js";
import { tellBox, sessionOf } from "../shared/here.js";
import { hover, onHover } from "../shared/hover.js";
import { restSoon } from "../shared/rest.js";
import { oneInFlight } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { drawLoss, highestOf, lossOf, lossWords } from "./dearer.js";
import { buildExample, drawExample } from "./example.js";
import { keepKeyboard } from "./keyboard.js";
import { tooLong } from "./limit.js";
import { buildLine, drawLine } from "./line.js";
import { keepMarks, leaveMarks, marksOf } from "./marks.js";
import { buildNotice, drawNotice } from "./notice.js";
import { buildOverview, drawOverview } from "./overview.js";
import { remember, takeUp } from "./unread.js";

const MOST_CHIPS = 64; // more than fit into a line
const AFTER_LOCKED = 6; // chips in sight behind a token that was locked elsewhere

function build(root, view) {
  view.area = el("textarea", {
    rows: 1,
    wrap: "off",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "data-role": "prompt",
    "aria-label": "Prompt",
    oninput: (event) => !event.isComposing && typed(view),
    oncompositionend: () => typed(view),
  });
  view.unfold = el("button", { type: "button", class: "unfold", onclick: () => unfold(view) }, "⌄");
  view.chips = el("div", { class: "chips", role: "group", tabindex: "0", "aria-label": "Tokens of the prompt" });
  view.counter = el("div", { class: "counter number" });
  buildExample(view);
  const aside = el("div", { class: "aside" }, buildOverview(view, (token) => lookAt(view, token)), view.counter);
  const below = el("div", { class: "below" }, buildNotice(view), view.offer, view.chips, aside);
  root.append(el("div", { class: "entry" }, el("div", { class: "field" }, view.area, buildLine(view), view.example, view.unfold)), below);
  Object.assign(view, { marked: null, query: null, end: null, locking: undefined, tooLong: "" });
  view.flight = oneInFlight((value) => view.send("value", value));
  view.cleanups.push(() => remember(view), () => view.flight.stop(), () => restSoon(null), () => tellBox(null));
  listenToChips(view);
  keepKeyboard(view);
  keepMarks(view);
  onHover(view, (at) => mark(view, at));
  onLock(view, (token) => showLock(view, token));
  view.redraw = () => drawOverview(view);
  unfold(view, false);
}

/** One line, or several over what stands below: nothing else moves. */
function unfold(view, open = !view.root.classList.contains("unfolded")) {
  view.root.classList.toggle("unfolded", open);
  view.area.wrap = open ? "soft" : "off";
  view.unfold.setAttribute("aria-expanded", String(open));
  view.unfold.setAttribute("aria-label", open ? "one line of the prompt" : "more lines of the prompt");
}

function typed(view) {
  if (view.silent) return;
  window.dispatchEvent(new Event("gptscope:typed"));
  view.end = null; // the chips follow the caret
  view.tooLong = tooLong(view.area.value, view.data.most);
  tell(view);
  if (view.tooLong) return void view.flight.forget(); // the numbers stay those of the last prompt
  tellBox(view.area.value);
  view.flight.offer({ text: view.area.value, rev: view.rev });
}

/** The notice: what is wrong with the text in the box, or what the server tells of the last one that it has read. */
function tell(view) {
  const { notice } = view.data;
  if (view.tooLong) drawNotice(view, view.tooLong, "error");
  else drawNotice(view, notice?.text ?? "", notice?.kind ?? "");
  drawExample(view);
}

// ---- chips ---------------------------------------------------------------------------------------------------

/** The first of the tokens that have a chip, and the one behind the last. */
function windowOf(view) {
  const { labels, first } = view.data;
  const stop = Math.min(first + labels.length, Math.max(first + 1, view.end ?? Infinity));
  return [Math.max(first, stop - MOST_CHIPS), stop];
}

/** Brings a token into sight. Where the line has room for all of them, it stays as it is and goes on to follow the end. */
function lookAt(view, token) {
  const { labels, first } = view.data;
  const end = token + AFTER_LOCKED;
  view.end = end >= first + labels.length || allHaveRoom(view) ? null : end;
  drawChips(view);
}

function allHaveRoom(view) {
  const { labels, first } = view.data;
  if (labels.length > MOST_CHIPS) return false;
  view.end = null;
  drawChips(view);
  return isSeen(view, first);
}

/** The locked token, also before the server knows it; null where the last one is followed. */
function locked(view) {
  return view.locking === undefined ? view.data.lock : view.locking;
}

function listenToChips(view) {
  const { chips } = view;
  const tell = (token) => {
    const position = token === null ? null : token - view.data.cropped;
    const index = position !== null && position >= 0 ? position : null;
    mark(view, { index, query: null });
    hover(view, index);
  };
  chips.addEventListener("pointerover", (event) => {
    const chip = event.target.closest("[data-token-index]");
    if (chip) tell(Number(chip.dataset.tokenIndex));
  });
  chips.addEventListener("pointerleave", () => tell(null));
  chips.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-token-index]");
    if (!chip || chip.classList.contains("cropped")) return;
    const token = Number(chip.dataset.tokenIndex);
    choose(view, token === locked(view) ? null : token);
  });
  chips.addEventListener("keydown", (event) => {
    const { labels, first, cropped } = view.data;
    const last = first + labels.length - 1;
    const now = locked(view) ?? last;
    const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: cropped, End: last };
    if (event.key === "Escape") choose(view, null);
    else if (event.key in steps) choose(view, Math.min(last, Math.max(cropped, first, steps[event.key])));
    else return;
    event.preventDefault();
  });
}

function choose(view, token) {
  showLock(view, token);
  lock(view, token);
}

/** Shows a lock at once; its chip comes into sight. */
function showLock(view, token) {
  view.locking = token;
  if (token === null) view.end = null;
  else if (!isSeen(view, token)) return lookAt(view, token);
  drawChips(view);
}

function isSeen(view, token) {
  const chip = view.chips.querySelector(`[data-token-index="${token}"]`);
  if (!chip) return false;
  const [box, own] = [view.chips.getBoundingClientRect(), chip.getBoundingClientRect()];
  return own.left >= box.left - 1 && own.right <= box.right + 1;
}

/** Highlights the chips of a position and, for a cell of a pattern, of its query. */
function mark(view, { index, query }) {
  Object.assign(view, { marked: index, query });
  for (const chip of view.chips.querySelectorAll(".key, .query")) chip.classList.remove("key", "query");
  const chipAt = (position) => view.chips.querySelector(`[data-token-index="${position + view.data.cropped}"]`);
  if (query !== null) chipAt(query)?.classList.add("query");
  if (index !== null) chipAt(index)?.classList.add("key");
  drawOverview(view);
}

/** Touches only the chips that changed: a keystroke at the end makes one, and takes one away where the line is full. */
function drawChips(view) {
  const { labels, first } = view.data;
  const { chips } = view;
  const [start, stop] = windowOf(view);
  const follows = locked(view);
  view.highest = highestOf(view);
  const tokenOf = (chip) => Number(chip.dataset.tokenIndex);
  while (chips.firstChild && (tokenOf(chips.firstChild) < start || tokenOf(chips.lastChild) < start)) chips.firstChild.remove();
  while (chips.lastChild && tokenOf(chips.lastChild) >= stop) chips.lastChild.remove();
  if (chips.firstChild && tokenOf(chips.firstChild) !== start) chips.replaceChildren();
  for (let token = start; token < stop; token++) {
    const chip = chips.children[token - start] ?? chips.appendChild(newChip(token));
    write(chip, visible(labels[token - first]));
    drawChip(view, chip, token);
    const pressed = String(token === follows);
    if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
  }
  drawOverview(view);
}

function newChip(token) {
  return el("button", { type: "button", class: "chip", tabindex: "-1", "data-token-index": token, "data-hue": token % 2 });
}

/** What a chip tells beside its label. */
function drawChip(view, chip, token) {
  const { ids, first, cropped } = view.data;
  const faded = token < cropped;
  const how = view.marks[token] ?? "";
  const more = lossOf(view, token);
  const told = `${ids[token - first]} ${token - cropped} ${how} ${more} ${view.highest}`;
  if (chip.told === told) return;
  chip.told = told;
  chip.dataset.id = ids[token - first];
  chip.classList.toggle("cropped", faded);
  chip.classList.toggle("drawn", how !== "");
  const where = faded ? "beyond the context: the model does not see this token" : `position ${token - cropped}`;
  chip.title = `token id ${ids[token - first]}, ${where}${how && `; ${how}`}${more === null ? "" : `; ${lossWords(view, more)}`}`;
  drawLoss(view, chip, more);
}

// ---- update --------------------------------------------------------------------------------------------------

/** Types what was appended as the user would have, so that it can be undone; false where that is not all. */
function append(view, text) {
  const { area } = view;
  if (!text.startsWith(area.value) || text === area.value) return false;
  const focused = focusedElement();
  area.focus({ preventScroll: true });
  area.setSelectionRange(area.value.length, area.value.length);
  view.silent = true; // the server knows this text
  document.execCommand("insertText", false, text.slice(area.value.length)); // the one way that keeps the undo history
  view.silent = false;
  if (focused !== area) focused?.focus({ preventScroll: true });
  return area.value === text;
}

/** Brings the text of the server, but not over a key that it has not taken: that text is then the newer one. */
function bring(view, data) {
  if (view.rev === undefined || (view.area.value === view.settled && !view.tooLong)) return overwrite(view, data);
  view.rev = data.rev;
  view.flight.forget();
  if (!view.tooLong) view.flight.offer({ text: view.area.value, rev: view.rev });
}

function overwrite(view, { text, rev, autofocus, placeholder }) {
  const mounted = view.rev !== undefined;
  view.rev = rev;
  view.flight.forget();
  view.area.placeholder = placeholder;
  if (!mounted || !append(view, text)) view.area.value = text;
  tellBox(view.area.value);
  view.area.scrollTo(view.area.scrollWidth, view.area.scrollHeight);
  if (mounted || !autofocus) return;
  view.area.focus({ preventScroll: true });
  view.area.setSelectionRange(text.length, text.length);
}

/**
 * Keeps what stands in the box when another session takes this one's place: it shows what the page has brought along,
 * and what was typed since is asked for anew.
 */
function keep(view, { text, rev }) {
  view.rev = rev;
  view.flight.drop();
  if (view.area.value !== text) typed(view);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  const session = sessionOf(data.origin);
  view.flight.acknowledge(data.ack);
  const fresh = view.session === undefined;
  if (!fresh && view.session !== session) leaveMarks(view);
  view.marks = marksOf(view);
  if (!fresh && view.session !== session) keep(view, data);
  else if (view.rev !== data.rev) bring(view, data);
  if (fresh && takeUp(view, session)) typed(view);
  view.session = session;
  if (view.flight.idle()) view.settled = view.area.value; // the server has it, or has said why not
  view.locking = undefined;
  drawChips(view);
  write(view.counter, data.counter);
  drawLine(view);
  tell(view);
  painted(view, "prompt");
  window.dispatchEvent(new CustomEvent("gptscope:shown", { detail: data.text }));
  restSoon(data.text);
  return cleanup(component);
}
