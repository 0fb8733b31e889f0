// Numbers: as they arrive, and as people read them.

/**
 * Returns the typed array of a 1-D numpy array in the data.
 * @param {any} column
 */
export function typedArray(column) {
  return column == null ? null : column.getChildAt(0).toArray();
}

/**
 * Returns the value, or the bound that it lies beyond.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Writes four significant digits, for people; tests read the full precision from data attributes.
 * @param {number | string} value - a string where JSON has no such number
 */
export function short(value) {
  if (typeof value === "string") return value.replace("-inf", "−∞").replace("inf", "∞").replace("-", "−");
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
  return text.replace("-", "−");
}

/**
 * Writes a probability in per cent, in at most eight characters.
 * @param {number} probability
 * @param {string} sign - "" where the sign stands above
 */
export function percent(probability, sign = " %") {
  if (probability >= 0.0995) return `${(100 * probability).toFixed(1)}${sign}`;
  return probability >= 0.0001 ? `${(100 * probability).toFixed(2)}${sign}` : `< 0.01${sign}`;
}
