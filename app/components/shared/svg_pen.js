// A pen that takes the calls of a canvas's context and writes an SVG: what draws on the screen also draws a file.

import { contextOf } from "./canvas.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (sign) => ESCAPES[sign]);
}

const places = (value) => Number(value.toFixed(2));

/** A colour as other programs read it, whatever CSS it was written in. */
function resolved(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = contextOf(canvas);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
  return { paint: `rgb(${r},${g},${b})`, alpha: a / 255 };
}

/** The part of an image that is drawn, as a data URL. */
function dataUrl(image, x, y, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  contextOf(canvas).drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL();
}

export class SvgPen {
  /**
   * @param {number} width
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.parts = /** @type {string[]} */ ([]);
    this.path = "";
    this.turns = /** @type {string[]} */ ([]);
    this.kept = /** @type {string[][]} */ ([]);
    this.colours = new Map();
    this.measuring = contextOf(document.createElement("canvas"));
    // As a context begins.
    this.fillStyle = "black";
    this.strokeStyle = "black";
    this.lineWidth = 1;
    this.lineCap = "butt";
    this.font = "12px sans-serif";
    this.globalAlpha = 1;
    this.textAlign = "left";
    this.textBaseline = "alphabetic";
    this.imageSmoothingEnabled = false;
  }

  colour(style) {
    const key = String(style);
    if (!this.colours.has(key)) this.colours.set(key, resolved(key));
    return this.colours.get(key);
  }

  fill() {
    const { paint, alpha } = this.colour(this.fillStyle);
    return `fill="${paint}" fill-opacity="${places(alpha * this.globalAlpha)}"`;
  }

  line() {
    const { paint, alpha } = this.colour(this.strokeStyle);
    const cap = this.lineCap === "butt" ? "" : ` stroke-linecap="${this.lineCap}"`;
    return `fill="none" stroke="${paint}" stroke-width="${places(this.lineWidth)}" stroke-opacity="${places(alpha * this.globalAlpha)}"${cap}`;
  }

  add(text) {
    const turn = this.turns.length ? ` transform="${this.turns.join(" ")}"` : "";
    this.parts.push(turn ? `<g${turn}>${text}</g>` : text);
  }

  save() {
    this.kept.push([...this.turns]);
  }

  restore() {
    this.turns = this.kept.pop() ?? [];
  }

  translate(x, y) {
    this.turns.push(`translate(${places(x)} ${places(y)})`);
  }

  rotate(angle) {
    this.turns.push(`rotate(${places((angle * 180) / Math.PI)})`);
  }

  fillRect(x, y, width, height) {
    this.add(`<rect x="${places(x)}" y="${places(y)}" width="${places(width)}" height="${places(height)}" ${this.fill()}/>`);
  }

  strokeRect(x, y, width, height) {
    this.add(`<rect x="${places(x)}" y="${places(y)}" width="${places(width)}" height="${places(height)}" ${this.line()}/>`);
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${places(x)} ${places(y)}`;
  }

  lineTo(x, y) {
    this.path += `L${places(x)} ${places(y)}`;
  }

  bezierCurveTo(...numbers) {
    this.path += `C${numbers.map(places).join(" ")}`;
  }

  stroke() {
    if (this.path) this.add(`<path d="${this.path}" ${this.line()}/>`);
  }

  measureText(text) {
    this.measuring.font = this.font;
    return this.measuring.measureText(text);
  }

  fillText(text, x, y) {
    const anchor = { left: "start", start: "start", center: "middle", right: "end", end: "end" }[this.textAlign] ?? "start";
    const middle = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    const where = `x="${places(x)}" y="${places(y)}" text-anchor="${anchor}"${middle}`;
    this.add(`<text ${where} style="font: ${escaped(this.font)}; white-space: pre" ${this.fill()}>${escaped(text)}</text>`);
  }

  /** As a context takes it: an image and its place, with or without the part of it. */
  drawImage(image, ...numbers) {
    const whole = numbers.length < 8;
    const [sx, sy, sw, sh] = whole ? [0, 0, image.width, image.height] : numbers;
    const [x, y, width, height] = whole ? [numbers[0], numbers[1], numbers[2] ?? image.width, numbers[3] ?? image.height] : numbers.slice(4);
    const sharp = this.imageSmoothingEnabled ? "" : ' style="image-rendering: pixelated"';
    const box = `x="${places(x)}" y="${places(y)}" width="${places(width)}" height="${places(height)}" preserveAspectRatio="none"`;
    const pale = this.globalAlpha < 1 ? ` opacity="${places(this.globalAlpha)}"` : "";
    this.add(`<image ${box}${sharp}${pale} href="${dataUrl(image, sx, sy, sw, sh)}"/>`);
  }

  /** Returns the whole file. */
  text() {
    const size = `width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${this.parts.join("\n")}\n</svg>\n`;
  }
}
