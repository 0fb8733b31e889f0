// A head's pattern in small, beside the point of a plot or the row of a table that the pointer is at.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { packed, ramp } from "../shared/colours.js";
import { el } from "../shared/dom.js";
import { clamp, typedArray } from "../shared/numbers.js";
import { cleanup, listen, viewOf } from "../shared/view.js";

const SIDE = 168; // px of the picture
const AWAY = 18; // px from the point
const LEVELS = 255; // a pixel of 255 is no number (heads/__init__.py)

function build(root, view) {
  view.name = el("b");
  view.canvas = el("canvas", { "aria-hidden": "true" });
  view.lines = el("div");
  view.box = el("div", { popover: "manual", "data-role": "point-picture" }, view.name, view.canvas, view.lines);
  root.append(view.box);
  view.redraw = () => view.detail && show(view, view.detail);
  listen(view, "gptscope:point", ({ detail }) => show(view, detail));
  listen(view, "pointerdown", () => show(view, null));
}

function show(view, detail) {
  const lines = detail && view.data.points[detail.point];
  view.detail = lines ? detail : null;
  if (!lines) {
    if (view.box.matches(":popover-open")) view.box.hidePopover();
    return;
  }
  view.name.textContent = `Head ${detail.point}`;
  view.box.dataset.head = detail.point;
  const here = detail.here?.length > 1 ? el("p", { "data-role": "heads-here" }, `${detail.here.length} heads here: ${detail.here.join(" ")}. Each click chooses the next.`) : null;
  view.lines.replaceChildren(...(here ? [here] : []), ...lines.map((line) => el("p", {}, line)), el("p", { class: "soft" }, view.data.caption));
  draw(view, ...detail.point.split(".").map(Number));
  if (!view.box.matches(":popover-open")) view.box.showPopover();
  place(view, detail.place);
}

/** Beside the point: at its right, or at its left where the window ends. */
function place(view, { x, y }) {
  const { width, height } = view.box.getBoundingClientRect();
  const right = x + AWAY + width < window.innerWidth;
  view.box.style.left = `${right ? x + AWAY : Math.max(4, x - AWAY - width)}px`;
  view.box.style.top = `${clamp(y - height / 2, 4, Math.max(4, window.innerHeight - height - 4))}px`;
}

function draw(view, layer, head) {
  const { size, n_head } = view.data;
  const pixels = typedArray(view.data.pixels);
  const table = [...ramp(view, "--gs-sequential", LEVELS, 0.5), packed(view, "--gs-nan")];
  let from = ((layer * n_head + head) * size * (size + 1)) / 2;
  const small = pixelCanvas(view, "small", size, size, (out) => {
    out.fill(table[0]);
    for (let row = 0; row < size; row++) for (let col = 0; col <= row; col++) out[row * size + col] = table[pixels[from++]];
  });
  const context = fitCanvas(view.canvas, SIDE, SIDE);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, size, size, 0, 0, SIDE, SIDE);
}

/** Takes the room of the component, and leaves it displayed: what is not shows no box either. */
function takeRoom({ parentElement }) {
  const container = (parentElement.host ?? parentElement).closest('[data-testid="stElementContainer"]');
  if (container) container.style.position = "absolute";
}

export default function (component) {
  viewOf(component, build);
  takeRoom(component);
  return cleanup(component);
}
