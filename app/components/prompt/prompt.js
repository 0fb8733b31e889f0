// The prompt: a text area that is never written while the user types, its tokens as chips, counter and notice.

import { el } from "../shared/dom.js";
import { hover, onHover } from "../shared/hover.js";
import { oneInFlight, quiet } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const MAX_LINES = 4;
const REST = 600; // ms without a key, after which the badge is measured
const ROOMY = { least: 38, around: 20, perCharacter: 12.7, perWide: 22, perDigit: 7.3 }; // px of a large chip

function build(root, view) {
  view.area = el("textarea", {
    rows: 1,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "data-role": "prompt",
    "aria-label": "Prompt",
    oninput: (event) => !event.isComposing && typed(view),
    oncompositionend: () => typed(view),
  });
  view.chips = el("div", { class: "chips scroll", role: "list", tabindex: "0", "aria-label": "Tokens of the prompt" });
  view.counter = el("div", { class: "counter number" });
  view.notice = el("div", { class: "notice scroll", role: "status", "aria-live": "polite" });
  const aside = el("div", { class: "aside" }, view.counter, view.notice);
  root.append(view.area, el("div", { class: "below" }, view.chips, aside));
  view.marked = null; // the position that is pointed at
  view.flight = oneInFlight((value) => view.send("value", value));
  view.cleanups.push(() => view.flight.stop(), () => clearTimeout(view.resting));
  listenToChips(view);
  onHover(view, (at) => mark(view, at));
  onResize(view, view.chips, () => {
    drawChips(view);
    showEnd(view);
  });
  watchHeight(view);
}

/** Tells the page how high the prompt is, so that panels can fill the rest of the window. */
function watchHeight(view) {
  const observer = new ResizeObserver(() => {
    autosize(view.area);
    document.documentElement.style.setProperty("--gs-prompt-height", `${view.root.offsetHeight}px`);
  });
  observer.observe(view.root);
  view.cleanups.push(() => observer.disconnect());
}

function typed(view) {
  if (view.silent) return;
  view.flight.offer({ text: view.area.value, rev: view.rev });
  autosize(view.area);
}

/** As high as its lines, for browsers that cannot do it by CSS (`field-sizing`). */
function autosize(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "0";
  const style = getComputedStyle(area);
  const line = parseFloat(style.lineHeight);
  const frame = area.offsetHeight - area.clientHeight + parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
  const wanted = area.scrollHeight + area.offsetHeight - area.clientHeight;
  area.style.height = `${Math.min(wanted, line * MAX_LINES + frame)}px`;
}

// ---- chips ---------------------------------------------------------------------------------------------------

function listenToChips(view) {
  const { chips } = view;
  const tell = (index) => {
    const position = index === null ? null : index - view.data.cropped;
    const at = { index: position !== null && position >= 0 ? position : null, query: null };
    mark(view, at);
    hover(view, at.index);
  };
  chips.addEventListener("pointerover", (event) => {
    const chip = event.target.closest("[data-token-index]");
    if (chip) tell(Number(chip.dataset.tokenIndex));
  });
  chips.addEventListener("pointerleave", () => tell(null));
  chips.addEventListener("blur", () => tell(null));
  chips.addEventListener("keydown", (event) => {
    const last = view.data.first + view.data.labels.length - 1;
    const now = view.marked === null ? last + 1 : view.marked + view.data.cropped;
    const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: view.data.first, End: last, Escape: null };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = steps[event.key];
    tell(next === null ? null : Math.min(last, Math.max(view.data.cropped, view.data.first, next)));
  });
}

/** Highlights the chips of a position and, for a cell of a pattern, of its query. */
function mark(view, { index, query }) {
  view.marked = index;
  for (const chip of view.chips.querySelectorAll(".key, .query")) chip.classList.remove("key", "query");
  const chipAt = (position) => view.chips.children[position + view.data.cropped - view.data.first];
  if (query !== null) chipAt(query)?.classList.add("query");
  if (index !== null) chipAt(index)?.classList.add("key");
}

function newChip() {
  return el("span", { class: "chip", role: "listitem" }, el("span", { class: "label" }), el("span", { class: "id" }));
}

/** How wide a token is as a large chip, with its gap; reckoned, because measuring at each key is slow. */
function roomyWidth(label, id) {
  const text = Array.from(label, (c) => (c >= "\u2e80" ? ROOMY.perWide : ROOMY.perCharacter)).reduce((a, b) => a + b, 0);
  return Math.max(ROOMY.least, ROOMY.around + Math.max(text, ROOMY.perDigit * String(id).length));
}

/** Few tokens are drawn large, in one line; more in as many lines as it takes, of which the strip shows three. */
function isRoomy(view) {
  const { labels, ids } = view.data;
  const { width } = spaceOf(view, view.chips);
  let wanted = 0;
  return labels.every((label, i) => (wanted += roomyWidth(visible(label), ids[i])) < width);
}

function showEnd(view) {
  view.chips.scrollTop = 1e6;
}

/** Touches only the chips that changed: a keystroke at the end makes one. */
function drawChips(view) {
  const { labels, ids, first, cropped } = view.data;
  const { chips } = view;
  chips.classList.toggle("roomy", isRoomy(view));
  while (chips.children.length > labels.length) chips.lastChild.remove();
  labels.forEach((label, i) => {
    const chip = chips.children[i] ?? chips.appendChild(newChip());
    const index = first + i;
    const shown = visible(label);
    const [labelNode, idNode] = chip.children;
    if (labelNode.textContent !== shown) labelNode.textContent = shown;
    if (idNode.textContent !== String(ids[i])) idNode.textContent = ids[i];
    if (chip.dataset.tokenIndex !== String(index)) {
      chip.dataset.tokenIndex = index;
      chip.dataset.hue = index % 4;
    }
    if (chip.classList.contains("cropped") !== index < cropped) {
      chip.classList.toggle("cropped", index < cropped);
      chip.title = index < cropped ? "beyond the context: the model does not see this token" : "";
    }
  });
}

/** Tells the page which prompt it shows, and when this has come to rest. */
function restSoon(view) {
  window.dispatchEvent(new CustomEvent("gptscope:shown", { detail: view.data.text }));
  clearTimeout(view.resting);
  view.resting = setTimeout(() => {
    if (!quiet()) return; // a key or a move is on its way, and its answer will come back here
    window.dispatchEvent(new CustomEvent("gptscope:rested", { detail: view.data.text }));
  }, REST);
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

function focusedElement() {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return /** @type {HTMLElement | null} */ (found);
}

function overwrite(view, { text, rev, autofocus, placeholder }) {
  const mounted = view.rev !== undefined;
  view.rev = rev;
  view.flight.forget();
  view.area.placeholder = placeholder;
  if (!mounted || !append(view, text)) view.area.value = text;
  autosize(view.area);
  if (mounted || !autofocus) return;
  view.area.focus({ preventScroll: true });
  view.area.setSelectionRange(text.length, text.length);
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  if (view.rev !== data.rev) overwrite(view, data);
  view.flight.acknowledge(data.ack);
  drawChips(view);
  if (view.shown !== data.text) requestAnimationFrame(() => showEnd(view));
  view.shown = data.text;
  view.counter.textContent = data.counter;
  if (view.notice.textContent !== (data.notice?.text ?? "")) view.notice.textContent = data.notice?.text ?? "";
  view.notice.dataset.kind = data.notice?.kind ?? "";
  painted(view, "prompt");
  restSoon(view);
  return cleanup(component);
}
