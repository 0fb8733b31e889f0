// The strip is closed until it is used: a click, play, or the keyboard opens it upwards over the page. A click beside it,
// Escape and its button close it. While it is used, the panels of the page end above it; one that only the focus has opened
// moves nothing, and closes when the focus goes on.

import { focusedElement } from "../shared/focus.js";
import { listen } from "../shared/view.js";

/**
 * Lets a click, the focus and keys open and close the strip.
 * @param {View} view
 */
export function openable(view) {
  const { root, slider } = view;
  const buttonOf = (event) => /** @type {Element} */ (event.target).closest("button");
  root.addEventListener("pointerdown", (event) => !buttonOf(event) && setOpen(view, "use"));
  // Open, it is wider: a button that moved away between press and release would not be clicked.
  root.addEventListener("click", (event) => ![null, view.close].includes(buttonOf(event)) && setOpen(view, "use"));
  slider.addEventListener("focus", () => !view.closing && setOpen(view, "focus"));
  slider.addEventListener("input", () => setOpen(view, "use"));
  root.addEventListener("focusout", (event) => {
    const next = /** @type {Node | null} */ (event.relatedTarget);
    if (view.open === "focus" && !root.contains(next)) setOpen(view, "");
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && view.open) {
      event.stopPropagation(); // one press undoes one thing
      shut(view);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(view, event.key === "ArrowDown" ? 1 : -1);
    }
  });
  const escape = (event) => {
    if (event.key !== "Escape" || !view.open || !isAround(focusedElement(), root)) return;
    event.preventDefault(); // a tool that is taken is put back by the next press
    shut(view);
  };
  window.addEventListener("keydown", escape, true);
  view.cleanups.push(() => window.removeEventListener("keydown", escape, true));
  let beside = false; // a press that began there; it moves nothing before it ends
  listen(view, "pointerdown", (event) => (beside = !event.composedPath().includes(root)));
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) listen(view, end, () => view.open && beside && setOpen(view, ""));
  setOpen(view, "");
}

/** Tells if what has the focus is no control but the page around a node: a click beside all controls leads it there. */
function isAround(focused, node) {
  let at = node;
  while (at && at !== focused) at = at.parentNode ?? at.host;
  return at === focused || focused === null;
}

/**
 * Opens the strip, or closes it.
 * @param {View} view
 * @param {"use" | "focus" | ""} why - "" closes it
 */
export function setOpen(view, why) {
  if (why === "focus" && view.open === "use") return;
  view.open = why;
  const host = /** @type {HTMLElement} */ (/** @type {ShadowRoot} */ (view.root.getRootNode()).host);
  for (const each of [view.root, host]) each.dataset.open = String(why !== "");
  host.dataset.used = String(why === "use"); // the page gives it room
}

/**
 * Closes the strip and leaves the focus on what is still there.
 * @param {View} view
 */
export function shut(view) {
  view.closing = true; // this focus opens nothing
  if (focused(view) !== view.button) view.slider.focus();
  view.closing = false;
  setOpen(view, "");
}

function focused(view) {
  return /** @type {ShadowRoot} */ (view.root.getRootNode()).activeElement;
}

/** Moves the focus to the next control that can be used: Tab knows only the slider. */
function move(view, by) {
  setOpen(view, "use");
  const all = [...view.root.querySelectorAll("input, button, select")].filter((one) =>
    !one.disabled && getComputedStyle(one).visibility !== "hidden" && one.offsetParent !== null
  );
  const at = all.indexOf(focused(view));
  all.at((at + by) % all.length).focus();
}
