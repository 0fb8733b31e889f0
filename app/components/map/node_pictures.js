// The picture in each node of the diagram: x is the token. All on one canvas over the drawing, which stays as it is.

import { fitCanvas, pixelCanvas } from "../shared/canvas.js";
import { CODE } from "../shared/codes.js";
import { packed, property, ramp, rootRamp } from "../shared/colours.js";
import { svg, write } from "../shared/dom.js";
import { short, typedArray } from "../shared/numbers.js";
import { svgPicture } from "../shared/pictures.js";

const HEIGHT = 8; // in the drawing's units
const BESIDE = 96; // the width of one beside a circle
const MARGIN = 4;

/** Where the picture of a node stands, in the drawing's units: at the bottom of its box, or below its texts. */
export function pictureBox({ x, right, bottom, beside, live }) {
  if (!beside) return { x: x + MARGIN, y: bottom - HEIGHT - MARGIN + 1, width: right - x - 2 * MARGIN, height: HEIGHT };
  return { x: Number(live.getAttribute("x")), y: Number(live.getAttribute("y")) + MARGIN + 1, width: BESIDE, height: HEIGHT };
}

/**
 * Draws all pictures of this view.
 * @param {View} view
 */
export function drawPictures(view) {
  const { pictures, cols, block, position } = view.data;
  const { width, height, x: left, y: top } = view.svg.viewBox.baseVal;
  const scale = view.scale ?? 1;
  const context = fitCanvas(view.pictures, width * scale, height * scale);
  context.scale(scale, scale);
  context.translate(view.shift.x - left, view.shift.y - top);
  const codes = typedArray(view.data.pixels);
  const special = [packed(view, "--gs-masked"), packed(view, "--gs-nan")];
  let from = 0;
  pictures.forEach(({ id, rows, scale: kind }, i) => {
    const count = rows * cols;
    const node = view.nodes.get(id);
    if (node) {
      const table = kind === "sequential" ? ramp(view, "--gs-sequential", 254) : rootRamp(view, "--gs-diverging", 254);
      const part = codes.subarray(from, from + count);
      const canvas = pixelCanvas(view, `picture${i}`, cols, rows, (out) => {
        for (let k = 0; k < count; k++) out[k] = part[k] < CODE.first ? special[part[k]] : table[part[k] - CODE.first];
      });
      if (node.title) write(node.title, `${node.about}\n${legend(pictures[i])}`);
      drawPicture(view, context, canvas, node.picture, (Math.floor(position / block) + 0.5) / cols);
    }
    from += count;
  });
}

/** What a picture shows, as the title of its node tells it. */
function legend({ tensor, low, high }) {
  return `picture: ${tensor}, a column a token, colours from ${short(low)} to ${short(high)}`;
}

/** One picture in its frame; a line marks the token that is followed. */
function drawPicture(view, context, canvas, { x, y, width, height }, at) {
  context.imageSmoothingEnabled = canvas.width > width || canvas.height > height;
  context.drawImage(canvas, x, y, width, height);
  context.strokeStyle = property(view, "--gs-frame");
  context.lineWidth = 0.8;
  context.strokeRect(x - 0.4, y - 0.4, width + 0.8, height + 0.8);
  context.fillStyle = property(view, "--st-text-color");
  context.fillRect(x + at * width - 0.75, y - 1, 1.5, height + 2);
}

/**
 * Returns the diagram for a file: the pictures, which lie over it on the page, stand in it.
 * @param {View} view
 * @returns {Promise<Picture>}
 */
export async function diagramPicture(view) {
  const { x, y, width, height } = view.svg.viewBox.baseVal;
  const image = svg("image", { href: view.pictures.toDataURL(), x, y, width, height });
  view.svg.append(image);
  try {
    return await svgPicture(view.svg);
  } finally {
    image.remove();
  }
}
