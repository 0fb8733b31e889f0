// The element that has the focus, also in a shadow root.

/** Returns the focused element. */
export function focusedElement() {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return /** @type {HTMLElement | null} */ (found);
}
