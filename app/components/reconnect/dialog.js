// Streamlit's own word on a lost connection: a dialog that takes the focus from the box, and tells a developer what to
// type into a terminal. The line says what there is to say, so the dialog is closed as soon as it opens.

import { focusedElement } from "../shared/focus.js";

const DIALOG = '[data-testid="stDialog"] [role="dialog"]';
const TITLE = "Connection error";

/**
 * Closes that dialog for as long as the page lives, and gives the focus back.
 * @returns {() => void} what ends it
 */
export function closeErrors() {
  let focused = focusedElement();
  const remember = () => {
    const now = focusedElement();
    if (!now?.closest(DIALOG)) focused = now;
  };
  const observer = new MutationObserver(() => {
    const dialog = document.querySelector(DIALOG);
    if (dialog?.querySelector('[slot="title"]')?.textContent !== TITLE) return;
    const before = focused;
    dialog.querySelector('button[aria-label="Close"]')?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    requestAnimationFrame(() => before?.isConnected && before.focus({ preventScroll: true }));
  });
  observer.observe(document.body, { childList: true });
  document.addEventListener("focusin", remember);
  return () => {
    observer.disconnect();
    document.removeEventListener("focusin", remember);
  };
}
