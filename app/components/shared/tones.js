// Text on a colour: black or white, whichever can be read better. One of them has a contrast of 4.5 : 1 on any colour.

const EVEN = 0.179; // relative luminance on which both can be read equally well (WCAG 2)

/** @param {number} part - of a colour, 0 to 255 */
function linear(part) {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/**
 * Returns true if black can be read on a packed pixel (0xAABBGGRR) better than white.
 * @param {number} pixel
 */
export function isLight(pixel) {
  const [r, g, b] = partsOf(pixel);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > EVEN;
}

/**
 * Returns a packed pixel as CSS writes it.
 * @param {number} pixel
 */
export function css(pixel) {
  return `rgb(${partsOf(pixel).join(" ")})`;
}

/** @param {number} pixel */
function partsOf(pixel) {
  return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
}

/**
 * Fills an element with a packed pixel, and says in `data-tone` whether that is "light" or "dark".
 * @param {HTMLElement} node
 * @param {number} pixel
 */
export function fill(node, pixel) {
  node.style.background = css(pixel);
  node.dataset.tone = isLight(pixel) ? "light" : "dark";
}
