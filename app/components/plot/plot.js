// Draws plotly's figures, each again in its own plot. The library comes once, packed, as the data of a mount of its own.

import { hide } from "../shared/dom.js";
import { typedArray } from "../shared/numbers.js";
import { whenGone } from "../shared/view.js";

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
  const plot = document.createElement("div");
  parentElement.append(plot);
  return { plot, newest: null, drawing: null };
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
  if (drawn.newest === data.figure) return undefined; // only the theme changed, and the next figure has its colours
  drawn.newest = data.figure;
  const figure = JSON.parse(data.figure);
  drawn.plot.style.height = `${figure.layout.height}px`; // at once, so that what follows keeps its place
  drawn.drawing = unpacked.then((Plotly) => {
    return drawn.newest === data.figure ? Plotly.react(drawn.plot, figure.data, figure.layout, data.config) : undefined;
  });
  return whenGone(component, () => {
    // What it has begun to draw it draws to the end, and asks the plot for more meanwhile.
    Promise.all([unpacked, drawn.drawing]).then(([Plotly]) => Plotly.purge(drawn.plot));
    plots.delete(parentElement);
  });
}
