// A matrix as a heatmap: tokens on its axes, a crosshair, and the true value under it.
// Small matrices come as float32; large ones as pixels that each stand for a block of cells, and the value of a
// cell is asked for.

import { el, write } from "../shared/dom.js";
import { onLock } from "../shared/following.js";
import { hover, onHover } from "../shared/hover.js";
import { onLight } from "../shared/lit.js";
import { typedArray } from "../shared/numbers.js";
import { oneInFlight } from "../shared/sending.js";
import { chooseLook, PLOTS, segments } from "../shared/segments.js";
import { offerPicture } from "../shared/pictures.js";
import { onResize, spaceOf } from "../shared/size.js";
import { cleanup, listen, painted, viewOf } from "../shared/view.js";
import { drawLargest, drawTexts } from "./beside.js";
import { draw, drawOver, paintForFile, preview } from "./drawing.js";
import { LEGEND } from "./legend.js";
import { keepSight, listenToPointer, look, middle, pointAt, pressed, zoom } from "./pointing.js";
import { draws } from "./row.js";
import { whole } from "./sight.js";
import { placeTip, showValue } from "./values.js";

/** @type {Record<string, string | [string, string]>} */
const SCALES = {
  weight: ["0–1", "one colour, one weight"],
  row: ["per row", "each row's colours end at its own largest weight"],
  value: ["·‖v‖", "each weight times the length of what it brings: ‖A · v W_O‖"],
};

const USES = {
  cut: "Click a cell: its query reads that key no more. Again: it does. Esc ends.",
  draw: "Drag a cell up or down; a click gives it all the weight. Esc ends.",
  links: "Choose “cells”: there each edge is a cell to click.",
};

function build(root, view) {
  view.scales = segments("Scale of the colours", SCALES, (word) => chooseLook(view, "scale", word));
  view.scales.node.classList.add("scales");
  view.plots = segments("Form of the plot", PLOTS, (word) => chooseLook(view, "plot", word));
  view.readout = el("div", { class: "readout number", role: "status", "aria-live": "polite" });
  view.using = el("p", { class: "using", role: "status", "data-role": "using" });
  view.legend = el("canvas", { class: "legend", "aria-hidden": "true" });
  view.base = el("canvas", { "aria-hidden": "true" });
  view.over = el("canvas", { class: "over", tabindex: "0", role: "img" });
  view.place = el("div", { class: "place", "data-role": "plot" });
  view.tip = el("div", { class: "tip number" });
  view.largest = el("div", { class: "largest", hidden: true });
  view.texts = el("div", { class: "texts", hidden: true });
  view.box = el("div", { class: "box" }, view.base, view.place, view.over, view.tip);
  root.append(el("div", { class: "tools" }, view.plots.node, view.scales.node, view.using, el("div", { class: "rest" }, view.readout), zoomButtons(view), view.legend), el("div", { class: "body" }, view.box, view.texts, view.largest));
  view.flight = oneInFlight((value) => view.send("event", value));
  view.cleanups.push(() => view.flight.stop());
  listenToPointer(view);
  view.over.addEventListener("keydown", (event) => pressed(view, event));
  view.over.addEventListener("blur", () => pointAt(view, null));
  onHover(view, (at) => {
    view.marked = at;
    drawOver(view);
  });
  onLock(view, (token) => {
    view.locking = token;
    drawOver(view);
  });
  onLight(view, (ids, why) => why === "lit" && lit(view, ids));
  listen(view, "gptscope:preview", ({ detail }) => preview(view, detail));
  view.redraw = () => draw(view);
  offerPicture(view, "stage", () => pictureOf(view));
  onResize(view, view.box, () => {
    draw(view);
    placeTip(view); // its cell is elsewhere now
  });
}

function pictureOf(view) {
  if (!view.plot || view.data.texts) return null;
  const { width, height } = spaceOf(view, view.box);
  return { width, height: height + LEGEND.height, draw: (pen) => paintForFile(view, pen, height) };
}

function zoomButtons(view) {
  const button = (name, sign, act) => el("button", { type: "button", class: "quiet", "aria-label": name, title: name, onclick: act }, sign);
  view.closer = button("closer", "+", () => zoom(view, middle(view), 0.5));
  view.farther = button("farther", "−", () => zoom(view, middle(view), 2));
  view.all = button("all of it", "0", () => look(view, whole(view.data)));
  return (view.zooms = el("div", { class: "zooms", role: "group", "aria-label": "Zoom" }, view.closer, view.farther, view.all));
}

/** Says what the mouse does while a tool is taken. */
function tellUse(view) {
  const { cuts, draws: drawing, plot, values } = view.data;
  const use = cuts ? USES.cut : drawing && values ? USES.draw : "";
  write(view.using, use && plot === "links" ? USES.links : use);
  view.root.classList.toggle("used", Boolean(use));
}

/** Frames the tensor where another panel points at what makes it. */
function lit(view, ids) {
  view.place.classList.toggle("lit", ids.includes(view.data?.tensor));
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  if (view.name !== data.name) {
    if (view.cell) hover(view, null); // its tokens are no longer pointed at
    // A cell of queries and keys is the same one before and behind the softmax.
    const pinned = view.square && data.square ? view.pinned : null;
    Object.assign(view, { name: data.name, cell: null, pinned, marked: null });
    keepSight(view, true);
  } else keepSight(view, false);
  view.square = data.square;
  const told = data.explains || view.toldPin === undefined; // alone on a page, it is told what a link carries
  if (told && view.toldPin !== JSON.stringify(data.pinned)) view.pinned = data.pinned; // also when it was closed
  view.toldPin = JSON.stringify(data.pinned);
  view.locking = undefined;
  if (!view.drawing) view.values = typedArray(data.values);
  view.codes = typedArray(data.pixels);
  view.flight.acknowledge(data.ack);
  root.style.setProperty("--height", data.height);
  Object.assign(root.dataset, { rows: data.rows, cols: data.cols, vmin: data.vmin, vmax: data.vmax });
  Object.assign(view.place.dataset, { name: data.tensor ?? data.name, layer: data.layer ?? "", head: data.head ?? "" });
  view.over.setAttribute("aria-label", `${data.name}: ${data.rows} by ${data.cols}; arrow keys read its values`);
  view.plots.node.hidden = !data.square || data.text === undefined; // alone on a page, nobody hears of another form
  view.plots.choose(data.plot);
  view.scales.node.hidden = !data.scales;
  view.scales.choose(data.by);
  view.over.classList.toggle("cuts", Boolean(data.cuts) && data.plot !== "links");
  tellUse(view);
  view.over.classList.toggle("draws", draws(view));
  drawTexts(view);
  drawLargest(view);
  if (!view.previewed) draw(view);
  showValue(view);
  painted(view, data.panel);
  return cleanup(component);
}
