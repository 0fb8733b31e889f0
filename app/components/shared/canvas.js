// Canvases at the scale of the screen, and pixels that are drawn at any size.

/**
 * Returns what draws on a canvas: a browser without it has none of this page.
 * @template {HTMLCanvasElement | OffscreenCanvas} Canvas
 * @param {Canvas} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no canvas");
  return /** @type {Canvas extends OffscreenCanvas ? OffscreenCanvasRenderingContext2D : CanvasRenderingContext2D} */ (
    context
  );
}

/**
 * Sizes a canvas in CSS pixels for this screen and returns its cleared context, scaled.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function fitCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const size = `width: ${width}px; height: ${height}px;`;
  if (canvas.style.cssText !== size) canvas.style.cssText = size; // written again, it is laid out again
  const context = contextOf(canvas);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * Draws pixels on a hidden canvas, ready to be drawn at any size; the view keeps the canvas under `name`.
 * @param {View} view
 * @param {string} name
 * @param {number} width
 * @param {number} height
 * @param {(pixels: Uint32Array) => void} fill
 * @returns {OffscreenCanvas}
 */
export function pixelCanvas(view, name, width, height, fill) {
  const canvas = (view[name] ??= new OffscreenCanvas(width, height));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  contextOf(canvas).putImageData(image, 0, 0);
  return canvas;
}
