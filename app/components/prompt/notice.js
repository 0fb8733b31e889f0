// One sentence beside the tokens, in two lines at most. A longer one is whole while it is pointed at or has the focus,
// which it takes for that alone.

import { el, write } from "../shared/dom.js";

/** @param {View} view */
export function buildNotice(view) {
  view.noticeText = el("span");
  view.notice = el("div", { class: "notice", role: "status", "aria-live": "polite" }, view.noticeText);
  const sizes = new ResizeObserver(() => offerWhole(view));
  sizes.observe(view.notice);
  view.cleanups.push(() => sizes.disconnect());
  return view.notice;
}

/**
 * Shows a sentence; "" shows none.
 * @param {View} view
 * @param {string} text
 * @param {string} kind
 */
export function drawNotice(view, text, kind) {
  if (view.noticeText.textContent === text && view.notice.dataset.kind === kind) return;
  write(view.noticeText, text);
  view.notice.dataset.kind = kind;
  view.notice.title = text;
  offerWhole(view);
}

/** Lets a sentence that is cut open: by the pointer, a click, or the focus. */
function offerWhole(view) {
  const { notice, noticeText } = view;
  if (notice.matches(".cut:is(:hover, :focus)")) return; // it is open now
  const cut = noticeText.scrollHeight > noticeText.clientHeight + 1;
  notice.classList.toggle("cut", cut);
  if (cut) notice.tabIndex = 0;
  else notice.removeAttribute("tabindex");
}
