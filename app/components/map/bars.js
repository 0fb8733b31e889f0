// A bar of a number with a sign: where it stands in its room, and how the number is written in few letters.

/**
 * Returns where the bar of a part begins and how wide it is, in px of a room whose middle is 0 and whose ends are ± most.
 * @param {{ kind: string, value: number | string }} part
 * @param {number} most
 * @param {number} room
 */
export function barOf({ kind, value }, most, room) {
  const half = room / 2;
  const width = typeof value === "number" && kind !== "total" ? (Math.min(1, Math.abs(value) / most)) * half : 0;
  return { from: Number(value) < 0 ? half - width : half, width };
}

/**
 * Writes a number with its sign, in at most six letters.
 * @param {number | string} value - a string where JSON has no such number
 */
export function signed(value) {
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  const text = size < 99.995 ? size.toFixed(2) : size < 9999.5 ? size.toFixed(0) : size.toExponential(0);
  return `${value < 0 ? "−" : "+"}${text}`;
}
