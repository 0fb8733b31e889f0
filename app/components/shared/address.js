// The address of a state: its query parameters behind the path of the page.

/**
 * Returns the address of a state on this page, with another prompt if one is given.
 * @param {string} state
 * @param {string | null} [text]
 */
export function addressOf(state, text = null) {
  const fields = new URLSearchParams(state);
  if (text) fields.set("prompt", text);
  return `${location.pathname}?${fields}`;
}

/**
 * Returns query parameters in one spelling, to compare them.
 * @param {string} query
 */
export function spelled(query) {
  return new URLSearchParams(query).toString();
}
