// Tokens as people can read them.

/** @type {Record<string, string>} */
const SEEN = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "": "∅" };

/**
 * Returns a token's label with its white space made visible.
 * @param {string} label
 */
export function visible(label) {
  return SEEN[label] ?? label.replace(/^ | $/g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");
}
