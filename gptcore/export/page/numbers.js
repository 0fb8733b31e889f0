// Numbers and tokens as people read them, and elements that hold them. Text is only ever written as text.

/** @type {Record<string, string>} */
const SEEN = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "": "∅" };

/** A token with its white space made visible. */
export function visible(label) {
  return SEEN[label] ?? label.replace(/^ | $/g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");
}

/** Six significant digits. */
export function written(value) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value).replace("-", "−");
  const size = Math.abs(value);
  return (size < 1e-4 || size >= 1e6 ? value.toExponential(5) : value.toPrecision(6)).replace("-", "−");
}

/** Two digits, for the ends of a scale. */
export function rounded(value) {
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

export function percent(share) {
  if (share >= 0.9995) return "100 %";
  if (share >= 0.0995) return `${(100 * share).toFixed(1)} %`;
  return share >= 0.0001 ? `${(100 * share).toFixed(2)} %` : "< 0.01 %";
}

/** A share without digits after the point, where there is little room. */
export function brief(share) {
  return share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Makes an element; null children are left out.
 * @param {string} tag
 * @param {Record<string, any>} attributes - `on…` keys are listeners
 * @param {any[]} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A token in a text: what it holds cannot turn the text around it. */
export function token(label, attributes = {}) {
  return el("bdi", { class: "token", ...attributes }, visible(label));
}
