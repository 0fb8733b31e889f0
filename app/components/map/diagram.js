// The map as a diagram: a Graphviz drawing made navigable. `explore_panels` keeps the drawings; live shapes, the
// selection and the path come here with each keystroke.

import { el, parsed, svg } from "../shared/dom.js";
import { colourLetters } from "../shared/letters.js";
import { light } from "../shared/lit.js";
import { report } from "../shared/sending.js";
import { changeSign } from "./change_sign.js";
import { drawPictures, pictureBox } from "./node_pictures.js";
import { drawPath, drawPicker, goUp, makePicker } from "./path.js";

const BADGE = { round: 24, wide: 84 }; // the button that opens a container, in the drawing's units
const FONT = 12.5; // of live shapes, in the drawing's units
const MONO = 0.61; // width of a monospaced character, in font sizes
const SCALE = { min: 0.96, max: 1.3 }; // of the drawing's own size: below it scrolls, above it floats in the middle

/**
 * Builds the diagram's own elements; `view.diagram` holds them.
 * @param {View} view
 */
export function buildDiagram(view) {
  view.path = el("nav", { class: "scroll", "aria-label": "Path in the map" });
  view.picker = makePicker(view);
  view.pictures = el("canvas", { class: "pictures", "aria-hidden": "true" });
  view.layers = el("div", { class: "nodes" });
  view.box = el("div", { class: "box scroll" }, view.layers);
  view.diagram = el("div", { class: "diagram" }, el("div", { class: "crumbs" }, view.path, view.picker), view.box);
  view.diagramSign = changeSign(view, view.box, {
    selected: () => view.picked ?? view.data.selected,
    nodeAt: (event) => event.target.closest("g.node")?.dataset.node,
    placeOf: (id) => signPlace(view, id),
  });
  view.box.addEventListener("click", (event) => clicked(view, event));
  view.box.addEventListener("keydown", (event) => pressed(view, event));
  view.box.addEventListener("pointerover", (event) => {
    const group = event.target.closest("g.node");
    light(view, group ? [group.dataset.node] : []);
  });
  view.box.addEventListener("pointerleave", () => light(view, []));
  const observer = new ResizeObserver(() => {
    fit(view);
    if (!view.svg || view.data.form !== "diagram") return;
    drawPictures(view);
    view.diagramSign.draw();
  });
  observer.observe(view.box);
  view.cleanups.push(() => observer.disconnect());
}

/** Lights the nodes of tensors that another panel points at, or explains a number by; a container, for what is inside. */
export function lightNodes(view, ids, why) {
  for (const { id, group } of view.order ?? []) {
    group.classList.toggle(why, ids.some((each) => each === id || (each.startsWith(`${id}.`) && !view.nodes.has(each))));
  }
}

// ---- nodes ---------------------------------------------------------------------------------------------------

function open(view, node) {
  view.openedFrom = node.group.getBoundingClientRect();
  view.focusFirst = true;
  report(view, { kind: "open", id: node.id, layer: view.data.layer });
}

function clicked(view, event) {
  const group = event.target.closest("g.node");
  const node = group && view.nodes.get(group.dataset.node);
  if (!node) return;
  const again = node.id === view.data.selected || node.id === view.picked;
  if (node.container && (event.target.closest("g.open") || again)) return open(view, node);
  select(view, node);
}

function select(view, node) {
  view.picked = node.id; // before the server's answer, so that it shows at once and a double click opens
  view.pickedAt = Date.now();
  markSelected(view, node.id);
  report(view, { kind: "select", id: node.id, layer: view.data.layer });
}

function pressed(view, event) {
  const node = view.nodes?.get(event.target.closest("g.node")?.dataset.node);
  const moves = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  if (event.key === "Escape" || event.key === "Backspace") goUp(view);
  else if (node && event.key in moves) {
    const order = view.order;
    order[(order.indexOf(node) + moves[event.key] + order.length) % order.length].group.focus();
  } else if (node && event.key === "Enter") node.container ? open(view, node) : select(view, node);
  else if (node && event.key === " ") select(view, node);
  else if (node && event.key === "Delete") report(view, { kind: "off", id: node.id });
  else if (node && event.key === "c" && !event.ctrlKey && !event.metaKey) view.diagramSign.change(node.id);
  else return;
  event.preventDefault();
}

/** The sign stands on the upper right corner of a node. */
function signPlace(view, id) {
  const node = view.nodes?.get(id);
  if (!node || node.group.classList.contains("port")) return null;
  const { x: left, y: top } = view.svg.viewBox.baseVal;
  const [x, y] = [node.edge + view.shift.x - left, node.y + view.shift.y - top];
  return { x: Math.round(x * view.scale - 14), y: Math.round(Math.max(0, y * view.scale - 11)), label: node.group.getAttribute("aria-label") };
}

function markSelected(view, id) {
  const key = `${view.svgKey} ${id}`;
  if (view.markedKey === key) return;
  view.markedKey = key;
  const inputs = new Set();
  for (const edge of view.edges) {
    const into = edge.to === id;
    edge.group.classList.toggle("into", into);
    if (into) inputs.add(edge.from);
  }
  for (const node of view.order) {
    node.group.classList.toggle("selected", node.id === id);
    node.group.classList.toggle("input", inputs.has(node.id));
    node.group.classList.toggle("holds", id.startsWith(`${node.id}.`));
    node.group.setAttribute("aria-pressed", node.id === id);
  }
  const stop = view.nodes.get(id) ?? view.order[0]; // one for all of them: the arrows lead to the others
  for (const node of view.order) node.group.setAttribute("tabindex", node === stop ? "0" : "-1");
}

// ---- decorating the drawing ----------------------------------------------------------------------------------

/** A container carries a badge on its right border that opens it, in place of the drawing's own small mark. */
function decorateContainer(group, { right, top, bottom }) {
  group.querySelector(".open")?.remove();
  const width = group.classList.contains("stack") ? BADGE.wide : BADGE.round;
  const x = right + width / 2 - (width === BADGE.wide ? 12 : 5); // beside the text, not on it
  const label = svg("text", { x: -7, y: 4, "text-anchor": "middle" });
  const pill = svg("rect", { x: -width / 2, y: -BADGE.round / 2, width, height: BADGE.round, rx: BADGE.round / 2 });
  const chevron = svg("path", { d: "M-2 -4 L2.5 0 L-2 4", transform: `translate(${width / 2 - 11} 0)` });
  const title = svg("title", {}, "open");
  const at = `translate(${x} ${(top + bottom) / 2})`;
  group.append(svg("g", { class: "open", transform: at }, title, pill, label, chevron));
  return { label, right: x + width / 2 };
}

/** The corners of a node's box, a rect or the circle of an addition, read from its numbers: valid before layout. */
function boundsOf(box) {
  const of = (name) => Number(box.getAttribute(name));
  if (box.tagName === "circle") {
    const [x, y, r] = [of("cx"), of("cy"), of("r")];
    return { left: x - r, right: x + r, top: y - r, bottom: y + r };
  }
  return { left: of("x"), right: of("x") + of("width"), top: of("y"), bottom: of("y") + of("height") };
}

function decorateNode(group, letters) {
  const bounds = boundsOf(group.querySelector(".box:not(.card)"));
  const text = (name) => group.querySelector(`text.${name}`);
  const container = group.classList.contains("container") && !group.classList.contains("port");
  const badge = container ? decorateContainer(group, bounds) : null;
  const beside = group.classList.contains("add"); // its texts stand at its side, with all the room they want
  const width = beside ? Infinity : bounds.right - bounds.left;
  group.setAttribute("tabindex", "-1");
  group.setAttribute("role", "button");
  const name = `${text("title")?.textContent} ${text("axes")?.textContent ?? ""}`;
  colourLetters(text("axes"), letters);
  const title = group.querySelector(":scope > title");
  if (title) title.textContent += `\n${group.dataset.node}`;
  group.setAttribute("aria-label", container ? `${name}, opens` : name);
  const right = Math.max(bounds.right + 8, badge?.right ?? 0);
  const at = { x: bounds.left, y: bounds.top, edge: bounds.right, right, width };
  const live = text("shape");
  const picture = live && pictureBox({ x: bounds.left, right: bounds.right, bottom: bounds.bottom, beside, live });
  const about = title?.textContent ?? "";
  return { id: group.dataset.node, group, container, live, picture, title, about, badge: badge?.label, ...at };
}

function decorate(drawing, letters) {
  const nodes = new Map();
  for (const group of drawing.querySelectorAll("g.node")) nodes.set(group.dataset.node, decorateNode(group, letters));
  const edges = [...drawing.querySelectorAll("g.edge")].map((group) => {
    return { group, from: group.dataset.source, to: group.dataset.target };
  });
  const order = [...nodes.values()].sort((a, b) => a.y - b.y || a.x - b.x);
  makeRoom(drawing, order);
  return { nodes, edges, order };
}

/** How far the drawing's nodes are moved from where their numbers say. */
function shiftOf(drawing) {
  const found = drawing.querySelector("g.graph")?.getAttribute("transform")?.match(/translate\(([-\d.]+)[ ,]([-\d.]+)/);
  return { x: Number(found?.[1] ?? 0), y: Number(found?.[2] ?? 0) };
}

/** Widens the drawing, on both sides so that it stays centred, by what its badges need. */
function makeRoom(drawing, order) {
  const box = drawing.viewBox.baseVal;
  const shift = shiftOf(drawing).x;
  const missing = Math.max(0, ...order.map((node) => node.right + shift + 2 - (box.x + box.width)));
  const balance = missing && order.some((node) => node.x + shift < missing + 6) ? missing / 2 : 0;
  drawing.setAttribute("viewBox", `${box.x - balance} ${box.y} ${box.width + missing + balance} ${box.height}`);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function parse(view, text) {
  const drawing = parsed(text);
  Object.assign(view, decorate(drawing, view.data.letters), { svg: drawing, svgKey: view.data.svg_key, picked: null });
  const hadFocus = view.box.contains(view.root.getRootNode().activeElement);
  view.layers.replaceChildren(drawing, view.pictures, view.diagramSign.node);
  view.shift = shiftOf(drawing);
  view.box.scrollTop = 0;
  fit(view);
  grow(view);
  if (hadFocus || view.focusFirst) (view.nodes.get(view.data.selected) ?? view.order[0])?.group.focus();
  view.focusFirst = false;
}

/** A view grows out of the node that was opened; at once where motion is not wanted. */
function grow(view) {
  const from = view.openedFrom;
  view.openedFrom = null;
  if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const box = view.svg.getBoundingClientRect();
  view.svg.style.transformOrigin = `${from.left + from.width / 2 - box.left}px ${from.top + from.height / 2 - box.top}px`;
  const small = `scale(${Math.min(0.6, from.width / box.width)})`;
  view.svg.animate([{ transform: small, opacity: 0.2 }, { transform: "none", opacity: 1 }], { duration: 200, easing: "ease-out" });
}

function fit(view) {
  if (!view.svg || !view.box.clientWidth) return;
  const { width, height } = view.svg.viewBox.baseVal;
  const space = [(view.box.clientWidth - 12) / width, (view.box.clientHeight - 12) / height];
  const scale = Math.min(SCALE.max, Math.max(SCALE.min, Math.min(...space))); // smaller letters cannot be read: it scrolls
  view.scale = scale;
  view.svg.setAttribute("width", width * scale);
  view.svg.setAttribute("height", height * scale);
}

/** Writes a live shape, smaller where it would leave its node. */
function drawShape({ live, width }, shape) {
  if (!live || live.textContent === shape) return;
  live.textContent = shape;
  const fits = (width - 8) / (shape.length * MONO);
  live.style.fontSize = fits < FONT ? `${fits}px` : "";
}

/**
 * Draws the diagram of this view with its live shapes.
 * @param {View} view
 */
export function drawDiagram(view) {
  drawPath(view);
  drawPicker(view);
  const { svg_key, shapes, selected } = view.data;
  if (view.svgKey !== svg_key) {
    const text = window.gptscopeKept?.get(svg_key);
    if (text === undefined) return; // it comes with the next message
    parse(view, text);
  }
  for (const node of view.order) {
    drawShape(node, shapes[node.id] ?? "");
    const badge = node.group.classList.contains("stack") ? `block ${view.data.layer}` : "";
    if (node.badge && node.badge.textContent !== badge) node.badge.textContent = badge;
  }
  if (view.picked === selected || Date.now() - view.pickedAt > 1500) view.picked = null;
  markSelected(view, view.picked ?? selected);
  drawPictures(view);
  view.diagramSign.draw();
}
