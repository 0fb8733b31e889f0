// The strip is closed until it is used: a click, play, or the keyboard opens it upwards over the page, so that nothing
// else moves. One that only the focus has opened closes when the focus goes on.

/**
 * Lets a click, the focus and keys open and close the strip.
 * @param {View} view
 */
export function openable(view) {
  const { root, slider } = view;
  root.addEventListener("pointerdown", (event) => !view.close.contains(event.target) && setOpen(view, "use"));
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
  setOpen(view, "");
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
  for (const each of [view.root, host]) each.dataset.open = String(why !== ""); // the page gives an open one more room
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
