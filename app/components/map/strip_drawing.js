// What is drawn on the canvases of the strips: pixels, arcs, and the lines that move with the pointer and the lock.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { CODE, codesOf } from "../shared/codes.js";
import { packed, property, rootRamp } from "../shared/colours.js";
import { typedArray } from "../shared/numbers.js";
import { BETWEEN, columnX } from "./places.js";

const FADED = 0.3; // opacity of what is switched off
const FAINT = 0.02; // weights below draw no arc, unless all are as small

/** All strips as pixels on one hidden canvas each; they are stretched to their places. */
export function drawPixels(view, context) {
  const { cols, lines, T } = view.data;
  const pixels = typedArray(view.data.pixels);
  const table = rootRamp(view, "--gs-diverging", 254);
  const special = [packed(view, "--gs-masked"), packed(view, "--gs-nan")];
  let from = 0;
  lines.forEach((line, i) => {
    const { y, height } = view.places[i];
    const logits = line.kind === "logits"; // few rows, as values: one a likely token
    const width = logits ? T : cols;
    const count = line.rows * width;
    if (count) {
      const codes = logits ? logitCodes(view, line) : pixels.subarray(from, from + count);
      const canvas = pixelCanvas(view, `strip${i}`, width, line.rows, (out) => {
        for (let k = 0; k < count; k++) out[k] = codes[k] < CODE.first ? special[codes[k]] : table[codes[k] - CODE.first];
      });
      context.imageSmoothingEnabled = width > view.plan.strip;
      context.globalAlpha = isOff(view, line) ? FADED : 1;
      context.drawImage(canvas, view.plan.x, y, view.plan.strip, height);
      context.globalAlpha = 1;
      if (!logits) from += count;
    }
    frame(view, context, line, y, height);
  });
}

/** True where the changes of the run switch off what a line shows. */
function isOff({ data }, { id }) {
  return Boolean(data.off?.includes(id));
}

function logitCodes(view, { low, high }) {
  return codesOf(typedArray(view.data.logits), { vmin: low, vmax: high, scale: "diverging" });
}

function frame(view, context, line, y, height) {
  const { x, strip } = view.plan;
  context.fillStyle = property(view, `--gs-${line.concept}`) || property(view, "--gs-frame");
  context.fillRect(x - 5, y, 3, height);
  context.strokeStyle = property(view, "--gs-frame");
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y + 0.5, strip + 1, height - 1);
}

/** The weights of the row that arcs are drawn of: sent for the followed position, from the pictures for others. */
export function weightsFor(view) {
  return typedArray(view.data.weights);
}

export function drawArcs(view, context) {
  const place = view.places.find(({ line }) => line.kind === null);
  if (!place) return;
  const weights = weightsFor(view);
  const { y, height } = place;
  const end = columnX(view, view.data.position);
  context.strokeStyle = property(view, "--gs-pattern");
  context.lineCap = "round";
  const least = Math.min(FAINT, 0.1 * (weights?.reduce((a, b) => Math.max(a, b), 0) ?? 0));
  weights?.forEach((weight, key) => {
    if (!(weight > least)) return;
    const start = columnX(view, key);
    const middle = y + height / 2;
    context.globalAlpha = (0.15 + 0.85 * weight) * (isOff(view, place.line) ? FADED : 1);
    context.lineWidth = 0.75 + 5 * weight;
    context.beginPath();
    context.moveTo(start, y + 1);
    context.bezierCurveTo(start, middle, end, middle, end, y + height - 1);
    context.stroke();
  });
  context.globalAlpha = 1;
}

/** The columns that the explained number is made from. */
function drawFeeding(view, context, column) {
  context.strokeStyle = property(view, "--gs-accent");
  context.lineWidth = 2;
  for (const { line, first, last } of view.feeding) {
    const place = view.places.find(({ line: each }) => each.id === line);
    if (!place) continue;
    const [from, to] = [columnX(view, first) - column / 2, columnX(view, last) + column / 2];
    context.strokeRect(from, place.y + 1, to - from, place.height - 2);
  }
}

/** What moves with the pointer and the lock, on a canvas of its own. */
export function drawOver(view) {
  if (!view.plan || view.data.form !== "tensors") return;
  const { width, height } = view.plan;
  const context = fitCanvas(view.over, width, height);
  const { position, block, cols } = view.data;
  const dark = property(view, "--st-text-color");
  const column = Math.max(2, view.plan.strip / cols);
  const line = (at, thick, alpha) => {
    if (at === null || at < 0 || at >= view.data.T) return;
    context.globalAlpha = alpha;
    context.fillStyle = dark;
    context.fillRect(columnX(view, at) - thick / 2, 0, thick, height - BETWEEN);
    context.globalAlpha = 1;
  };
  const locking = view.locking === undefined || view.locking === null ? null : view.locking - view.data.prompt.cropped;
  line(view.locking === undefined ? position : (locking ?? view.data.T - 1), view.data.locked || locking !== null ? 3 : 1.5, 1);
  const { index, query } = view.pointed;
  for (const at of [index, query]) {
    if (at === null) continue;
    context.strokeStyle = dark;
    context.lineWidth = 1;
    context.strokeRect(columnX(view, at) - column / 2, 0.5, column, height - BETWEEN - 1);
  }
  const chosen = view.places.find(({ line: each }) => each.id === view.markedId);
  if (chosen) {
    context.strokeStyle = dark;
    context.lineWidth = 2.5;
    context.strokeRect(view.plan.x - 1, chosen.y, view.plan.strip + 2, chosen.height);
  }
  drawFeeding(view, context, column);
  view.strips.dataset.block = String(block);
}
