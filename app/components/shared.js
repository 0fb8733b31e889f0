// What all components share: DOM building, canvas scaling, colours, hovering, and one-request-in-flight sending.
// Text from users is only ever written with textContent.

import { leaving, waitWhile } from "./leaving.js";

const VIEWS = new WeakMap(); // shadow root -> view; a view lives as long as its mounted component

/** An element with attributes (`on…` keys are listeners) and children; null children are left out. */
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
 * The view of a mounted component: made once by `build(root, view)`, then handed back with each update. A view that
 * draws on a canvas sets `view.redraw`, for when the theme changes.
 */
export function viewOf(component, build) {
  const { parentElement, data } = component;
  let view = VIEWS.get(parentElement);
  if (!view) {
    for (const child of [...parentElement.children]) if (child.matches(".gs")) child.remove(); // of an older version
    const root = el("div", { class: "gs" });
    view = { root, cleanups: [], data: null, redraw: null };
    VIEWS.set(parentElement, view);
    parentElement.append(root);
    build(root, view);
    readTheme(view);
  } else if (view.data === data) readTheme(view); // called without new data: the theme changed
  else checkThemeSoon(view);
  view.data = data;
  view.component = component; // changes with each render: always use the newest
  view.send ??= (name, value) =>
    inTurn(component.key, () => view.root.isConnected && view.component.setStateValue(name, value));
  return view;
}

/**
 * The clean-up function that a component's default export returns. Streamlit also calls that of an update which was
 * overtaken by the next (a theme change does it): only a component that has left the page is cleaned up.
 */
export function cleanup({ parentElement }) {
  return () => {
    if (parentElement.host.isConnected) return;
    for (const undo of VIEWS.get(parentElement)?.cleanups ?? []) undo();
    VIEWS.get(parentElement)?.root.remove();
    VIEWS.delete(parentElement);
  };
}

/** Says which prompt and which weights the numbers now on the screen belong to. Call last: what it tells must have been drawn. */
export function painted(view, panel) {
  view.root.dataset.panel = panel;
  if (view.data.text !== undefined) view.root.dataset.text = view.data.text;
  if (view.data.step !== undefined) view.root.dataset.step = view.data.step;
}

/** Keeps the size of `node` in `view.space`, and runs `redraw` when it changes: asking for it at each key is slow. */
export function onResize(view, node, redraw) {
  const observer = new ResizeObserver(() => {
    const [width, height] = [node.clientWidth, node.clientHeight];
    if (width === 0 || (view.space?.width === width && view.space?.height === height)) return;
    view.space = { width, height };
    if (view.data) redraw();
  });
  observer.observe(node);
  view.cleanups.push(() => observer.disconnect());
}

/** The size of `node`, known from the last time it changed. */
export function spaceOf(view, node) {
  view.space ??= { width: node.clientWidth, height: node.clientHeight };
  return view.space;
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

// ---- colours -------------------------------------------------------------------------------------------------

// Reading a computed style makes the browser style the whole page at once, in each component, at each key: so what
// was read is kept, and whether the theme changed is looked up after the frame, when it costs nothing.

function readTheme(view) {
  const { backgroundColor, color } = getComputedStyle(view.root);
  const [r, g, b] = (backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  view.theme = { key: backgroundColor + color, kept: new Map() };
  view.root.dataset.theme = 0.299 * r + 0.587 * g + 0.114 * b < 128 ? "dark" : "light";
}

function checkThemeSoon(view) {
  if (view.checking) return;
  view.checking = true;
  requestAnimationFrame(() => setTimeout(() => {
    view.checking = false;
    const { backgroundColor, color } = getComputedStyle(view.root);
    if (view.theme.key === backgroundColor + color) return;
    readTheme(view);
    view.redraw?.();
  }));
}

function kept(view, key, make) {
  if (!view.theme.kept.has(key)) view.theme.kept.set(key, make());
  return view.theme.kept.get(key);
}

/** The value of a CSS custom property, as text. */
export function property(view, name) {
  return kept(view, name, () => getComputedStyle(view.root).getPropertyValue(name).trim());
}

function parseHex(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** A ramp of theme.py as `levels` packed pixels (0xAABBGGRR), ready for a Uint32 view of ImageData. */
export function ramp(view, name, levels = 256, gamma = 1) {
  return kept(view, `${name} ${levels} ${gamma}`, () => {
    const stops = property(view, name).split(",").map((stop) => parseHex(stop.trim()));
    return Uint32Array.from({ length: levels }, (_, i) => {
      const at = Math.pow(i / (levels - 1), gamma) * (stops.length - 1);
      const low = Math.min(stops.length - 2, Math.floor(at));
      return pack(stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low))));
    });
  });
}

function pack([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

export function packed(view, name) {
  return pack(parseHex(property(view, name)));
}

// ---- canvas --------------------------------------------------------------------------------------------------

/** Sizes a canvas in CSS pixels for this screen and returns its cleared context, scaled. */
export function fitCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Pixels on a hidden canvas, ready to be drawn at any size; the view keeps the canvas under `name`. */
export function pixelCanvas(view, name, width, height, fill) {
  const canvas = (view[name] ??= new OffscreenCanvas(width, height));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The typed array of a 1-D numpy array in the data. */
export function typedArray(column) {
  return column == null ? null : column.getChildAt(0).toArray();
}

// ---- tokens and numbers --------------------------------------------------------------------------------------

const SEEN = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "": "∅" };

/** A token's label with its white space made visible. */
export function visible(label) {
  return SEEN[label] ?? label.replace(/^ | $/g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");
}

/** Four significant digits, for people; tests read the full precision from data attributes. */
export function short(value) {
  if (typeof value === "string") return value.replace("-inf", "−∞").replace("inf", "∞").replace("-", "−");
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
  return text.replace("-", "−");
}

// ---- hovering a position, everywhere -------------------------------------------------------------------------

/** Tells all panels that position `index` of the context (and, of a pattern, query `query`) is pointed at. */
export function hover(view, index, query = null) {
  window.dispatchEvent(new CustomEvent("gptscope:hover", { detail: { index, query, source: view } }));
}

/** Calls `show({index, query})` when another panel points at a position; index null: at none. */
export function onHover(view, show) {
  const listen = (event) => event.detail.source !== view && show(event.detail);
  window.addEventListener("gptscope:hover", listen);
  view.cleanups.push(() => window.removeEventListener("gptscope:hover", listen));
}

// ---- sending -------------------------------------------------------------------------------------------------

let open = null; // the key of the component that has the batch which Streamlit collects at present
let queue = []; // what other components report meanwhile
waitWhile(() => open !== null);

/**
 * Sends at once, but no two components in one batch: Streamlit collects all reports until a timer of 0 ms that it sets
 * at the first, and then runs only the fragment of that one. A timer set right behind its own ends right behind it.
 */
function inTurn(key, send) {
  if (leaving()) {
    setTimeout(() => inTurn(key, send), 50);
    return;
  }
  if (open !== null && open !== key) {
    queue.push({ key, send });
    return;
  }
  send();
  if (open === null) setTimeout(nextTurn); // after Streamlit's, so only now
  open = key;
}

function nextTurn() {
  const waited = queue;
  queue = [];
  open = null;
  for (const { key, send } of waited) inTurn(key, send);
}

let lastNumber = 0;

/** A number larger than any before, also after the component was unmounted and mounted again. */
export function nextNumber() {
  lastNumber = Math.max(lastNumber + 1, Date.now());
  return lastNumber;
}

/** Reports an event once: state, not a trigger, so that an overtaken run cannot lose it. */
export function report(view, event) {
  view.send("event", { ...event, seq: nextNumber() });
}

const PATIENCE = 3000; // ms until an unanswered request is sent again, then twice as long
const flights = new Set(); // of all panels

/** Whether no panel waits for an answer. */
export function quiet() {
  return flights.size === 0;
}

/**
 * One request in flight, the newest waits: keys that come faster than a run finishes would otherwise each
 * stop the run before them, and nothing would ever be drawn. What is not answered is sent again under its old number:
 * a server that is only slow then has nothing more to do.
 */
export function oneInFlight(send) {
  let flying = null; // the number of the request
  let waiting = null;
  let timer = 0;
  const flight = {
    offer: (value) => (flying === null ? launch(value) : (waiting = value)),
    acknowledge: (seq) => flying !== null && seq >= flying && land(),
    forget: () => (waiting = null),
    idle: () => flying === null,
    stop: () => {
      clearTimeout(timer);
      flights.delete(flight);
    },
  };
  const launch = (value) => {
    flying = nextNumber();
    waiting = null;
    flights.add(flight);
    attempt({ ...value, seq: flying }, PATIENCE);
  };
  const attempt = (request, patience) => {
    clearTimeout(timer);
    timer = setTimeout(() => (waiting ? launch(waiting) : attempt(request, 2 * patience)), patience);
    send(request);
  };
  const land = () => {
    flying = null;
    flight.stop();
    if (waiting) launch(waiting);
  };
  return flight;
}
