// Building and changing elements. Text from users is only ever written with textContent.

/**
 * Makes an element with attributes (`on…` keys are listeners) and children; null children are left out.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {any[]} children - elements and texts
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/**
 * Makes a part of a drawing.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {(Node | string)[]} children
 * @returns {any}
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * Returns the drawing that a text of ours describes as SVG.
 * @param {string} text
 * @returns {any}
 */
export function parsed(text) {
  return document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
}

/**
 * Writes a text where another one stands: a text that is written again is laid out again, and a node that is made anew
 * is dearer than one whose text changes.
 * @param {Node} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent === text) return;
  const { firstChild: only } = node;
  if (only instanceof Text && only === node.lastChild && text !== "") only.data = text;
  else node.textContent = text;
}

/**
 * Gives an attribute a value, if it has another one: each change has the browser style the element again.
 * @param {Element} node
 * @param {string} name
 * @param {string | number | boolean} value
 */
export function put(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/**
 * Takes the room of a mounted component from the page: Streamlit leaves a gap for each element that is displayed.
 * @param {Mounted} component
 */
export function hide({ parentElement }) {
  const container = (parentElement.host ?? parentElement).closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none";
}
