// Large amounts as people read them: three digits and a prefix.

const WHOLE = new Intl.NumberFormat("en-US"); // kept, because making one takes long
const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];

/**
 * Writes an amount of a unit, such as 4.19 MB; "B" behind a number of things stands for billions.
 * @param {number} value
 * @param {string} unit - "" for things that are counted
 * @param {boolean} named - false where the unit stands elsewhere: its prefix alone, such as 4.19 M
 */
export function amount(value, unit = "", named = true) {
  let power = 0;
  while (power < PREFIXES.length - 1 && Number(value.toPrecision(3)) >= 1000) {
    value /= 1000;
    power += 1;
  }
  const digits = power === 0 && Number.isInteger(value) ? String(value) : value.toPrecision(3);
  const prefix = PREFIXES[power] === "G" && unit === "" ? "B" : PREFIXES[power];
  return `${digits} ${prefix}${named ? unit : ""}`.trim();
}

/**
 * Writes all digits of a whole number that JavaScript holds exactly; else the amount.
 * @param {number} value
 * @param {string} unit
 */
export function exact(value, unit = "") {
  if (!Number.isSafeInteger(value)) return amount(value, unit);
  return `${WHOLE.format(value)}${unit && ` ${unit}`}`;
}

/**
 * Writes a share in per cent.
 * @param {number} value
 */
export function share(value) {
  if (value === 0) return "–";
  if (value < 0.001) return "< 0.1 %";
  return `${(100 * value).toFixed(1)} %`;
}
