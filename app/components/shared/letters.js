// The letters of the axes: each has its colour wherever it stands, and says on hover what it is.

import { svg } from "./dom.js";

/**
 * Colours the letters of a symbolic shape in a drawing, such as "(B, T, C)".
 * @param {Element | null} text
 * @param {Record<string, string>} letters - what each letter is
 */
export function colourLetters(text, letters) {
  if (!text) return;
  const parts = (text.textContent ?? "").split(/([A-Za-z0-9_]+)/);
  const made = parts.map((part, i) => {
    if (i % 2 === 0) return document.createTextNode(part);
    const span = svg("tspan", { "data-letter": part }, part);
    if (letters[part]) span.append(svg("title", {}, letters[part]));
    return span;
  });
  text.replaceChildren(...made);
}
