// Heads as thumbnails over one canvas, a button over each: those of one block as a film beside the plot, or all of them.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { packed, ramp } from "../shared/colours.js";
import { el, put, write } from "../shared/dom.js";
import { clamp, typedArray } from "../shared/numbers.js";
import { chooseLook, PLOTS, segments } from "../shared/segments.js";
import { report } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const GAP = 4;
const SPACE = { grid: { left: 30, top: 22 }, film: { left: 2, top: 2 } }; // px before the first thumbnail
const SIDE = { min: 24, max: 180 }; // px of a thumbnail
const FADED = 0.22; // opacity of a head that is off
const FILM = 46; // px of one beside the plot

function build(root, view) {
  root.classList.add("card");
  view.title = el("h2", {}, "Attention");
  view.where = el("span", { class: "soft push number" });
  view.plots = segments("Form of the plot", PLOTS, (word) => chooseLook(view, "plot", word));
  view.canvas = el("canvas", { "aria-hidden": "true" });
  view.grid = el("div", { class: "grid", role: "group", "aria-label": "Attention heads, one row per layer" });
  view.stage = el("div", { class: "stage" }, view.canvas, view.grid);
  view.box = el("div", { class: "box scroll" }, view.stage);
  root.append(el("header", {}, view.plots.node, view.title, view.where), view.box);
  view.grid.addEventListener("click", (event) => choose(view, event.target.closest("[data-head]")));
  view.grid.addEventListener("keydown", (event) => move(view, event));
  view.grid.addEventListener("pointerover", (event) => describe(view, event.target.closest("[data-head]")));
  view.grid.addEventListener("pointerleave", () => describe(view, null));
  view.grid.addEventListener("focusin", (event) => describe(view, event.target.closest("[data-head]")));
  view.grid.addEventListener("focusout", () => describe(view, null));
  view.redraw = () => drawAll(view);
  onResize(view, view.box, () => {
    makeButtons(view);
    draw(view);
  });
}

function place(button) {
  return { layer: Number(button.dataset.layer), head: Number(button.dataset.head) };
}

function choose(view, button) {
  if (!button) return;
  report(view, place(button));
  if (!view.data.film) chooseLook(view, "plot", "grid");
}

/** Names the head that is pointed at; beside the plot, the plot shows it meanwhile. */
function describe(view, button) {
  const { selected, film } = view.data;
  const at = button ? place(button) : selected;
  write(view.where, at ? `layer ${at.layer} · head ${at.head}` : "click a head");
  if (!film) return;
  const another = button && !(at.layer === selected?.layer && at.head === selected?.head);
  const other = another ? { ...at, off: isOff(view, at) ? `head ${at.layer}.${at.head} is off` : "" } : null;
  if (JSON.stringify(other) === view.previewed) return;
  view.previewed = JSON.stringify(other);
  window.dispatchEvent(new CustomEvent("gptscope:preview", { detail: other }));
}

/** True where the changes of the run switch a head off. */
function isOff({ data }, at) {
  return (data.changed ?? []).some(([layer, head, off]) => off && layer === at.layer && head === at.head);
}

function move(view, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const button = event.target.closest("[data-head]");
  if (button && event.key === "Delete") report(view, { ...place(button), off: true });
  if (!button || !(event.key in steps)) return;
  event.preventDefault();
  const { n_layer, n_head, film } = view.data;
  const { layer, head } = place(button);
  const [down, right] = steps[event.key];
  const next = film
    ? clamp(head + down + right, 0, n_head - 1)
    : clamp(layer + down, 0, n_layer - 1) * n_head + clamp(head + right, 0, n_head - 1);
  const target = view.buttons[next];
  for (const other of view.buttons) other.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
  describe(view, target);
}

// ---- layout --------------------------------------------------------------------------------------------------

/** The heads that are drawn, with their place in the grid: one block's below each other, or a row for each block. */
function cells(view) {
  const { n_layer, n_head, film, selected } = view.data;
  const layers = film ? [selected?.layer ?? 0] : Array.from({ length: n_layer }, (_, i) => i);
  return layers.flatMap((layer) => Array.from({ length: n_head }, (_, head) => placed(view, layer, head)));
}

/** The film lies where it has the width, and stands beside the plot. */
function placed(view, layer, head) {
  if (!view.data.film) return { layer, head, down: layer, across: head };
  return lies(view) ? { layer, head, down: 0, across: head } : { layer, head, down: head, across: 0 };
}

function lies(view) {
  return view.data.film && spaceOf(view, view.box).width > 120;
}

function makeButtons(view) {
  const { n_layer, n_head, film } = view.data;
  const heads = cells(view);
  const shape = `${n_layer} ${n_head} ${film ? heads[0].layer : "all"} ${lies(view)}`;
  if (view.shape === shape) return;
  const focused = view.grid.contains(view.root.getRootNode().activeElement);
  Object.assign(view, { shape, heads, side: null });
  view.buttons = heads.map(({ layer, head, down, across }) =>
    el("button", {
      type: "button",
      tabindex: "-1",
      "data-layer": layer,
      "data-head": head,
      "aria-label": `layer ${layer}, head ${head}`,
      title: `head ${layer}.${head}`,
      style: `grid-area: ${down + 2} / ${across + 2}`,
    }),
  );
  view.grid.replaceChildren(...(film ? [] : ticks(n_layer, n_head)), ...view.buttons);
  view.root.classList.toggle("film", film);
  view.root.classList.toggle("lies", lies(view));
  if (focused) view.buttons[0].focus();
}

function ticks(n_layer, n_head) {
  const every = n_head > 30 ? 4 : 1;
  const across = Array.from({ length: n_head }, (_, head) => el("span", { class: "tick number", style: `grid-area: 1 / ${head + 2}` }, head % every ? "" : head));
  const down = Array.from({ length: n_layer }, (_, layer) => el("span", { class: "tick row number", style: `grid-area: ${layer + 2} / 1` }, layer));
  return [el("span", { class: "corner" }, "L\\H"), ...across, ...down];
}

function sideOf(view) {
  const { n_layer, n_head, film } = view.data;
  if (film) return FILM;
  const { width, height } = spaceOf(view, view.box);
  const { left, top } = SPACE.grid;
  const wide = (width - left - 12) / n_head - GAP;
  const high = (height - top - 8) / n_layer - GAP;
  return clamp(Math.floor(Math.min(wide, high)), SIDE.min, SIDE.max);
}

// ---- drawing -------------------------------------------------------------------------------------------------

/** Every pattern side by side, one pixel per value; causal patterns travel as their lower triangles. */
function drawAtlas(view) {
  const { n_layer, n_head, size, gamma } = view.data;
  const pixels = typedArray(view.data.pixels);
  const table = [...ramp(view, "--gs-sequential", 255, gamma), packed(view, "--gs-nan")]; // see FULL and UNKNOWN
  const width = n_head * size;
  return pixelCanvas(view, "atlas", width, n_layer * size, (out) => {
    let from = 0;
    out.fill(table[0]);
    for (let layer = 0; layer < n_layer; layer++) {
      for (let head = 0; head < n_head; head++) {
        for (let row = 0; row < size; row++) {
          const at = (layer * size + row) * width + head * size;
          const count = view.data.packed ? row + 1 : size;
          for (let col = 0; col < count; col++) out[at + col] = table[pixels[from++]];
        }
      }
    }
  });
}

function draw(view) {
  const { size, selected, film } = view.data;
  const side = sideOf(view);
  const step = side + GAP;
  const { left, top } = film ? SPACE.film : SPACE.grid;
  if (view.side !== side) {
    view.side = side;
    view.stage.style.setProperty("--side", `${side}px`);
  }
  const [tall, wide] = [Math.max(...view.heads.map(({ down }) => down)) + 1, Math.max(...view.heads.map(({ across }) => across)) + 1];
  const context = fitCanvas(view.canvas, left + wide * step, top + tall * step);
  const smooth = side * (window.devicePixelRatio || 1) < size;
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  const changed = new Map((view.data.changed ?? []).map(([layer, head, off]) => [`${layer},${head}`, off ? "off" : "changed"]));
  for (const { layer, head, down, across } of size > 0 ? view.heads : []) {
    context.globalAlpha = changed.get(`${layer},${head}`) === "off" ? FADED : 1;
    context.drawImage(view.atlas, head * size, layer * size, size, size, left + across * step, top + down * step, side, side);
  }
  const chosen = view.heads.findIndex(({ layer, head }) => layer === selected?.layer && head === selected?.head);
  view.buttons.forEach((button, i) => {
    const on = i === chosen;
    const { layer, head } = view.heads[i];
    const how = changed.get(`${layer},${head}`);
    button.classList.toggle("changed", how !== undefined);
    button.classList.toggle("off", how === "off");
    put(button, "aria-label", `layer ${layer}, head ${head}${how ? `, ${how}` : ""}`);
    put(button, "title", `head ${layer}.${head}${how ? (how === "off" ? ": switched off" : ": changed") : ""} (Delete: off and on)`);
    if ((button.getAttribute("aria-pressed") === "true") !== on) button.setAttribute("aria-pressed", on);
    const stop = i === Math.max(0, chosen) ? 0 : -1;
    if (!view.grid.matches(":focus-within") && button.tabIndex !== stop) button.tabIndex = stop;
  });
}

function drawAll(view) {
  if (view.data.size > 0) drawAtlas(view);
  draw(view);
}

/** Scrolls the box (never the page) so that the chosen head can be seen. */
function reveal(view, selected) {
  const found = view.heads.find(({ layer, head }) => layer === selected.layer && head === selected.head);
  if (!found) return;
  const step = view.side + GAP;
  const [x, y] = [found.across * step, found.down * step];
  const { box } = view;
  if (y < box.scrollTop || y + step > box.scrollTop + box.clientHeight) box.scrollTop = y - box.clientHeight / 2;
  if (x < box.scrollLeft || x + step > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 2;
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  view.root.style.setProperty("--height", data.height);
  view.root.hidden = data.film && !data.shown;
  write(view.title, data.title);
  view.plots.choose("heads");
  makeButtons(view);
  drawAll(view);
  window.gptscopeHeads = { canvas: view.atlas, size: data.size }; // for who previews a head
  const chosen = JSON.stringify(data.selected);
  if (view.chosen !== chosen && data.selected) reveal(view, data.selected);
  view.chosen = chosen;
  describe(view, view.grid.querySelector("button:hover"));
  painted(view, "attention");
  return cleanup(component);
}
