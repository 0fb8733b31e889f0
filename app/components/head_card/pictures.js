// The pictures of a head's card: its pattern in small, and its mean attention by distance.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { packed, ramp } from "../shared/colours.js";
import { el, svg } from "../shared/dom.js";
import { short, typedArray } from "../shared/numbers.js";

const [SIDE, LARGE, TALL] = [104, 200, 820]; // px of the pattern, usually and in a window of that height at least
const CURVE = [150, 106]; // px of the curve with its axis
const LARGER = [230, 140]; // in such a window
const LEFT = 30;
const BOTTOM = 18;
const TOP = 17; // for the name of the highest point

/** Returns true where there is room for a large pattern, with the curve below it. */
export function isTall() {
  return window.innerHeight >= TALL;
}

/** @param {View} view */
export function drawPattern(view) {
  const { size } = view.data;
  const pixels = typedArray(view.data.pixels);
  const table = [...ramp(view, "--gs-sequential", 255, 0.5), packed(view, "--gs-nan")];
  const small = pixelCanvas(view, "small", size, size, (out) => out.forEach((_, i) => (out[i] = table[pixels[i]])));
  const side = isTall() ? LARGE : SIDE;
  const context = fitCanvas(view.canvas, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, size, size, 0, 0, side, side);
}

/**
 * The mean attention to the key so many tokens back.
 * @param {number[]} means
 */
export function curve(means) {
  if (!means.every(Number.isFinite)) return el("p", { class: "soft" }, "The attention holds what is not a number.");
  const [width, height] = isTall() ? LARGER : CURVE; // drawn as large as it is told: letters keep their size
  const most = Math.max(...means, 1e-9);
  const best = means.indexOf(Math.max(...means));
  const x = (/** @type {number} */ back) => LEFT + ((width - LEFT - 8) * back) / Math.max(1, means.length - 1);
  const y = (/** @type {number} */ mean) => TOP + (height - BOTTOM - TOP) * (1 - mean / most);
  const right = x(best) < width / 2; // where its name stands
  const line = means.map((mean, back) => `${x(back).toFixed(1)},${y(mean).toFixed(1)}`).join(" ");
  const said = `Mean attention by distance: largest ${short(means[best])} at ${best} back`;
  return el(
    "figure",
    { title: said, "data-means": means.join(" ") },
    svg(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said },
      svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${height - BOTTOM}H${width - 8}` }),
      svg("polyline", { class: "mean", points: line }),
      svg("circle", { class: "best", cx: x(best), cy: y(means[best]), r: 3.5 }),
      label(LEFT - 4, y(most) + 8, "end", most.toFixed(2)),
      label(LEFT - 4, height - BOTTOM, "end", "0"),
      label(LEFT, height - 3, "start", "0"),
      label(width - 8, height - 3, "end", `${means.length - 1} back`),
      label(x(best) + (right ? 5 : -5), y(means[best]) - 5, right ? "start" : "end", `${best} back`),
    ),
  );
}

function label(x, y, anchor, text) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}
