// The scale of the colours: a strip with the numbers at its ends, in one line.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { property, ramp } from "../shared/colours.js";
import { clamp } from "../shared/numbers.js";

export const LEGEND = { width: 186, height: 26 };
const STRIP = { left: 52, width: 82, top: 4, height: 9 };

/** Draws the colours from the lowest value to the highest, and where numbers lie between. */
export function drawLegend(view) {
  const { vmin, vmax, scale, gamma } = view.data;
  const key = JSON.stringify([vmin, vmax, scale, gamma, view.theme.key]);
  if (view.legendKey === key) return;
  view.legendKey = key;
  paintLegend(view, fitCanvas(view.legend, LEGEND.width, LEGEND.height));
}

/** The same on the screen and in a file. */
export function paintLegend(view, context) {
  const { vmin, vmax, scale, gamma } = view.data;
  const table = ramp(view, `--gs-${scale}`, 254, 1);
  const strip = pixelCanvas(view, "scale", 254, 1, (out) => out.set(table));
  const { left, width, top, height } = STRIP;
  context.imageSmoothingEnabled = true;
  context.drawImage(strip, left, top, width, height);
  context.strokeStyle = property(view, "--gs-frame");
  context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  context.font = `12px ${property(view, "--gs-mono")}`;
  context.fillStyle = property(view, "--st-text-color");
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.fillText(tick(vmin), left - 5, top + 5);
  context.textAlign = "left";
  context.fillText(tick(vmax), left + width + 5, top + 5);
  context.textAlign = "center";
  context.font = `12px ${property(view, "--gs-mono")}`;
  const bent = scale === "sequential" && gamma !== 1;
  const middle = scale === "diverging" ? 0 : vmin + (vmax - vmin) * (bent ? 0.25 : 0.5);
  context.fillText(tick(middle), clamp(left + width / 2, left, left + width), top + height + 8);
}

function tick(value) {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
