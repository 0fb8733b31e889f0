// The strips as a picture for a file: on the page their labels and words are elements, here they are drawn.

import { property } from "../shared/colours.js";
import { drawBarsOn } from "./margins.js";
import { columnX, ROOM } from "./places.js";
import { drawArcs, drawPixels } from "./strip_drawing.js";

/**
 * @param {View} view
 * @returns {Picture}
 */
export function stripsPicture(view) {
  const { width, height } = view.plan;
  return { width, height: height + ROOM.top, draw: (pen) => draw(view, pen) };
}

function draw(view, pen) {
  pen.save();
  pen.translate(0, ROOM.top);
  drawPixels(view, pen);
  drawArcs(view, pen);
  const { height, strip } = view.plan;
  pen.fillStyle = property(view, "--st-text-color");
  pen.fillRect(columnX(view, view.data.position) - 1, 0, 2, height);
  const font = property(view, "--st-font");
  for (const { line, y, height: tall } of view.places) {
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.font = `600 12.5px ${font}`;
    pen.fillStyle = property(view, "--st-text-color");
    pen.fillText(line.kind === null ? `${line.label} ${view.data.head}` : line.label, ROOM.left - 10, y + tall / 2);
    if (!view.data.adds) drawWord(view, pen, line, { x: ROOM.left + strip + ROOM.gap, y, tall });
  }
  drawBarsOn(view, pen);
  pen.restore();
}

/** What the model would say there, as the page shows it. */
function drawWord(view, pen, line, { x, y, tall }) {
  const node = view.says.get(line.id);
  if (!node || node.dataset.stale === "true" || !node.firstChild) return;
  const [bar, word, share] = node.children;
  pen.fillStyle = property(view, "--gs-logits");
  pen.globalAlpha = 0.25;
  pen.fillRect(x, y + 1, (parseFloat(bar.style.width) / 100) * ROOM.right, tall - 2);
  pen.globalAlpha = 1;
  pen.fillStyle = property(view, "--st-text-color");
  pen.font = `500 12px ${property(view, "--gs-mono")}`;
  pen.textAlign = "left";
  pen.fillText(word.textContent, x + 5, y + tall / 2);
  pen.textAlign = "right";
  pen.fillText(share.textContent, x + ROOM.right - 3, y + tall / 2);
}
