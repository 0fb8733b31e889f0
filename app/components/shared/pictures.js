// Pictures of the page for a file: panels offer theirs, whoever saves asks for one by its name.

import { contextOf } from "./canvas.js";
import { SvgPen } from "./svg_pen.js";

const SHARP = 2; // pixels of a PNG for each of the page's
const CAPTION = { height: 44, left: 12 }; // px below the picture

const offered = (window.gptscopePictures ??= new Map());

/**
 * Offers a picture as long as the panel is there.
 * @param {View} view
 * @param {string} name
 * @param {() => Picture | null | Promise<Picture | null>} make
 */
export function offerPicture(view, name, make) {
  offered.set(name, make);
  view.cleanups.push(() => offered.get(name) === make && offered.delete(name));
}

/**
 * Saves a picture with its caption; false where there is none.
 * @param {string} name
 * @param {"png" | "svg"} kind
 * @param {{lines: string[], colours: {text: string, background: string}, font: string}} about
 */
export async function savePicture(name, kind, about) {
  const picture = await offered.get(name)?.();
  if (!picture) return false;
  const [width, height] = [Math.ceil(picture.width), Math.ceil(picture.height) + CAPTION.height];
  const file = `gptscope-${name}.${kind}`;
  if (kind === "svg") {
    const pen = new SvgPen(width, height);
    drawWhole(pen, picture, width, height, about);
    download(new Blob([pen.text()], { type: "image/svg+xml" }), file);
    return true;
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * SHARP, height * SHARP];
  const pen = contextOf(canvas);
  pen.scale(SHARP, SHARP);
  drawWhole(pen, picture, width, height, about);
  const blob = await new Promise((made) => canvas.toBlob(made));
  if (blob) download(blob, file);
  return Boolean(blob);
}

function drawWhole(pen, picture, width, height, { lines, colours, font }) {
  pen.fillStyle = colours.background;
  pen.fillRect(0, 0, width, height);
  picture.draw(pen);
  pen.fillStyle = colours.text;
  pen.font = `13px ${font}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  lines.forEach((line, i) => pen.fillText(fitting(pen, line, width - 2 * CAPTION.left, i === 0), CAPTION.left, height - CAPTION.height + 12 + 19 * i));
}

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "fill-opacity", "opacity", "font", "text-anchor"];

/**
 * Returns a drawing of the page as a picture: what the page's styles say of it is written into it.
 * @param {SVGSVGElement} drawing
 * @returns {Promise<Picture>}
 */
export async function svgPicture(drawing) {
  const { width, height } = drawing.getBoundingClientRect();
  const copy = /** @type {SVGSVGElement} */ (drawing.cloneNode(true));
  const [own, copied] = [drawing, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  own.forEach((node, i) => {
    const style = getComputedStyle(node);
    copied[i].setAttribute("style", STYLES.map((name) => `${name}: ${style.getPropertyValue(name)}`).join("; "));
  });
  for (const [name, value] of [["width", width], ["height", height], ["xmlns", "http://www.w3.org/2000/svg"]]) copy.setAttribute(String(name), String(value));
  const text = new XMLSerializer().serializeToString(copy);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  return { width, height, draw: (pen) => (pen instanceof SvgPen ? pen.add(text) : pen.drawImage(image, 0, 0, width, height)) };
}

/** Of a long place the beginning is kept, of a long prompt the end: that is where the prediction stands. */
function fitting(pen, line, width, beginning) {
  if (pen.measureText(line).width <= width) return line;
  let text = line;
  while (text.length > 1 && pen.measureText(`…${text}`).width > width) {
    const less = Math.ceil(text.length / 40);
    text = beginning ? text.slice(0, -less) : text.slice(less);
  }
  return beginning ? `${text}…` : `…${text}`;
}

/**
 * Saves a file on this computer.
 * @param {Blob} blob
 * @param {string} file - its name
 */
export function download(blob, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
