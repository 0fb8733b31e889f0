// All heads of all layers as thumbnails over one canvas; a button over each takes focus and clicks.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { packed, ramp } from "../shared/colours.js";
import { el } from "../shared/dom.js";
import { clamp, typedArray } from "../shared/numbers.js";
import { report } from "../shared/sending.js";
import { onResize, spaceOf } from "../shared/size.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const GAP = 4;
const LABELS = { left: 26, top: 20 };
const SIDE = { min: 18, max: 84 }; // px of a thumbnail

function build(root, view) {
  root.classList.add("card");
  view.title = el("h2", {}, "Attention");
  view.where = el("span", { class: "soft push number" });
  view.canvas = el("canvas", { "aria-hidden": "true" });
  view.grid = el("div", { class: "grid", role: "group", "aria-label": "Attention heads, one row per layer" });
  view.stage = el("div", { class: "stage" }, view.canvas, view.grid);
  view.box = el("div", { class: "box scroll" }, view.stage);
  root.append(el("header", {}, view.title, view.where), view.box);
  view.grid.addEventListener("click", (event) => choose(view, event.target.closest("[data-head]")));
  view.grid.addEventListener("keydown", (event) => move(view, event));
  view.grid.addEventListener("pointerover", (event) => describe(view, event.target.closest("[data-head]")));
  view.grid.addEventListener("pointerleave", () => describe(view, null));
  view.redraw = () => drawAll(view);
  onResize(view, view.box, () => draw(view));
}

function place(button) {
  return { layer: Number(button.dataset.layer), head: Number(button.dataset.head) };
}

function choose(view, button) {
  if (button) report(view, place(button));
}

function describe(view, button) {
  const { selected } = view.data;
  const at = button ? place(button) : selected;
  view.where.textContent = at ? `layer ${at.layer} · head ${at.head}` : "click a head";
}

function move(view, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const button = event.target.closest("[data-head]");
  if (!button || !(event.key in steps)) return;
  event.preventDefault();
  const { n_layer, n_head } = view.data;
  const { layer, head } = place(button);
  const [down, right] = steps[event.key];
  const next = clamp(layer + down, 0, n_layer - 1) * n_head + clamp(head + right, 0, n_head - 1);
  const target = view.buttons[next];
  for (const other of view.buttons) other.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
  describe(view, target);
}

// ---- layout --------------------------------------------------------------------------------------------------

function makeButtons(view, n_layer, n_head) {
  if (view.shape === `${n_layer}x${n_head}`) return;
  view.shape = `${n_layer}x${n_head}`;
  view.buttons = [];
  const cells = [];
  const every = n_head > 30 ? 4 : 1;
  for (let head = 0; head < n_head; head++) {
    const label = head % every === 0 ? head : "";
    cells.push(el("span", { class: "tick number", style: `grid-area: 1 / ${head + 2}` }, label));
  }
  for (let layer = 0; layer < n_layer; layer++) {
    cells.push(el("span", { class: "tick row number", style: `grid-area: ${layer + 2} / 1` }, layer));
    for (let head = 0; head < n_head; head++) {
      const name = `layer ${layer}, head ${head}`;
      const button = el("button", {
        type: "button",
        tabindex: "-1",
        "data-layer": layer,
        "data-head": head,
        "aria-label": name,
        style: `grid-area: ${layer + 2} / ${head + 2}`,
      });
      view.buttons.push(button);
      cells.push(button);
    }
  }
  view.grid.replaceChildren(el("span", { class: "corner" }, "L\\H"), ...cells);
}

function sideOf(view, n_layer, n_head) {
  const { width, height } = spaceOf(view, view.box);
  const wide = (width - LABELS.left - 12) / n_head - GAP;
  const high = (height - LABELS.top - 8) / n_layer - GAP;
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
  const { n_layer, n_head, size, selected } = view.data;
  const side = sideOf(view, n_layer, n_head);
  const step = side + GAP;
  if (view.side !== side) {
    view.side = side;
    view.stage.style.setProperty("--side", `${side}px`);
  }
  const context = fitCanvas(view.canvas, LABELS.left + n_head * step, LABELS.top + n_layer * step);
  const smooth = side * (window.devicePixelRatio || 1) < size;
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  for (let layer = 0; size > 0 && layer < n_layer; layer++) {
    for (let head = 0; head < n_head; head++) {
      const [x, y] = [LABELS.left + head * step, LABELS.top + layer * step];
      context.drawImage(view.atlas, head * size, layer * size, size, size, x, y, side, side);
    }
  }
  const chosen = selected ? selected.layer * n_head + selected.head : 0;
  view.buttons.forEach((button, i) => {
    const on = selected !== null && i === chosen;
    if ((button.getAttribute("aria-pressed") === "true") !== on) button.setAttribute("aria-pressed", on);
    if (!view.grid.matches(":focus-within") && button.tabIndex !== (i === chosen ? 0 : -1)) {
      button.tabIndex = i === chosen ? 0 : -1;
    }
  });
}

function drawAll(view) {
  if (view.data.size > 0) drawAtlas(view);
  draw(view);
}

/** Scrolls the box (never the page) so that the chosen head can be seen. */
function reveal(view, { layer, head }) {
  const step = view.side + GAP;
  const [x, y] = [LABELS.left + head * step, LABELS.top + layer * step];
  const { box } = view;
  if (y < box.scrollTop || y + step > box.scrollTop + box.clientHeight) box.scrollTop = y - box.clientHeight / 2;
  if (x < box.scrollLeft || x + step > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 2;
}

export default function (component) {
  const view = viewOf(component, build);
  const { data } = view;
  view.root.style.setProperty("--height", data.height);
  view.title.textContent = data.title;
  makeButtons(view, data.n_layer, data.n_head);
  drawAll(view);
  const chosen = JSON.stringify(data.selected);
  if (view.chosen !== chosen && data.selected) reveal(view, data.selected);
  view.chosen = chosen;
  describe(view, view.grid.querySelector("button:hover"));
  painted(view, "attention");
  return cleanup(component);
}
