// A text that is longer than the server reads: it stays in the box, is not sent, and the notice says so.

const encoder = new TextEncoder();

/**
 * Returns a sentence about a text that is too long; "" for any other.
 * @param {string} text
 * @param {number} most - bytes that are read
 */
export function tooLong(text, most) {
  const size = text.length > most ? text.length : encoder.encode(text).length; // a character has a byte or more
  if (size <= most) return "";
  const [has, reads] = [size, most].map((bytes) => bytes.toLocaleString("en"));
  return `This text has ${has} bytes or more, and ${reads} are read here: shorten it. Still shown: the last prompt.`;
}
