// Draws plotly's figures, each again in its own plot. The library comes once, packed, as the data of a mount of its own.

import { hide } from "../shared/dom.js";
import { typedArray } from "../shared/numbers.js";
import { nextNumber } from "../shared/sending.js";
import { inTurn } from "../shared/turns.js";
import { whenGone } from "../shared/view.js";
import { hearKeys, name, pointsAt } from "./keys.js";

const STACKED = 1100; // px of a window in which columns stand below each other (page.css)
const plots = new WeakMap(); // the element of a mounted component -> its plot
let unpack;
const unpacked = new Promise((resolve) => (unpack = resolve));

async function takeLibrary(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  script.onload = () => unpack(window.Plotly);
  document.head.append(script);
}

function newPlot(parentElement) {
  const [box, plot, ring] = [0, 1, 2].map(() => document.createElement("div"));
  box.style.position = "relative";
  plot.dataset.role = "figure";
  box.append(plot, ring);
  parentElement.append(box);
  const drawn = { plot, ring, newest: null, drawing: null, component: null, hears: false, cursor: null, pointed: null };
  hearKeys(drawn, (point) => pointAt(drawn, point && { customdata: point.name, bbox: around(point) }), (told, form) => choose(drawn, told, form));
  return drawn;
}

/** The box of a point, as plotly tells it. */
function around({ x, y }) {
  return { x0: x, x1: x, y0: y, y1: y };
}

function choose({ component }, point, form = false) {
  inTurn(component.key, () => component.setStateValue("event", { point, ...(form ? { form } : {}), seq: nextNumber() }));
}

/** Has a plot tell which of its points is clicked, and which one the pointer is at. Those without a text are none. */
function hear(drawn) {
  if (drawn.hears || !drawn.plot.on) return;
  drawn.hears = true;
  const told = ({ points }) => points.find(({ customdata }) => typeof customdata === "string");
  drawn.plot.on("plotly_click", (event) => {
    const point = drawn.component.data.points && told(event)?.customdata;
    if (point && event.event.button !== 2) choose(drawn, nextAt(drawn, point));
  });
  drawn.plot.on("plotly_hover", (event) => drawn.component.data.points && pointAt(drawn, told(event)));
  drawn.plot.on("plotly_unhover", () => pointAt(drawn, null));
  drawn.plot.addEventListener("contextmenu", (event) => {
    if (!drawn.component.data.forms || drawn.pointed === null) return; // the browser's own menu
    event.preventDefault();
    choose(drawn, drawn.pointed, true);
  });
}

/** Returns the point that a click on a dot chooses: of several below each other, each click the next. */
function nextAt({ plot, component }, point) {
  const here = pointsAt(plot, point);
  const last = here.indexOf(component.data.chosen);
  return last < 0 ? point : here[(last + 1) % here.length];
}

function pointAt(drawn, found) {
  const { component, plot } = drawn;
  drawn.pointed = found?.customdata ?? null;
  const { left, top } = plot.getBoundingClientRect();
  const place = found && { x: left + (found.bbox.x0 + found.bbox.x1) / 2, y: top + (found.bbox.y0 + found.bbox.y1) / 2 };
  const point = drawn.pointed;
  const detail = { key: component.key, point, place, here: point === null ? [] : pointsAt(plot, point) };
  window.dispatchEvent(new CustomEvent("gptscope:point", { detail }));
}

export default function (component) {
  const { data, parentElement } = component;
  if (data.library) {
    hide(component);
    if (!window.gptscopePlotly) takeLibrary(typedArray(data.library));
    window.gptscopePlotly = true;
    return undefined;
  }
  if (!plots.has(parentElement)) plots.set(parentElement, newPlot(parentElement));
  const drawn = plots.get(parentElement);
  drawn.component = component; // changes with each render: always use the newest
  if (drawn.newest === data.figure) return undefined; // only the theme changed, and the next figure has its colours
  drawn.newest = data.figure;
  const figure = JSON.parse(data.figure);
  const beside = data.below !== null && window.innerWidth > STACKED;
  const room = beside ? window.innerHeight - drawn.plot.getBoundingClientRect().top - data.below : 0;
  figure.layout.height = Math.max(figure.layout.height, Math.floor(room));
  drawn.plot.style.height = `${figure.layout.height}px`; // at once, so that what follows keeps its place
  drawn.drawing = unpacked.then(async (Plotly) => {
    if (drawn.newest !== data.figure) return;
    await Plotly.react(drawn.plot, figure.data, figure.layout, data.config);
    hear(drawn);
    name(drawn);
  });
  return whenGone(component, () => {
    // What it has begun to draw it draws to the end, and asks the plot for more meanwhile.
    Promise.all([unpacked, drawn.drawing]).then(([Plotly]) => Plotly.purge(drawn.plot));
    plots.delete(parentElement);
  });
}
