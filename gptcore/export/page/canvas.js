// Canvases at the scale of the screen, and pixels that are drawn at any size.

/** Sizes a canvas in CSS pixels for this screen; returns its cleared context, scaled. */
export function fit(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.direction = "ltr";
  return context;
}

/**
 * Returns a hidden canvas with a pixel for each cell.
 * @param {number} rows
 * @param {number} cols
 * @param {(row: number, col: number) => number} colour
 */
export function pixels(rows, cols, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [cols, rows];
  const image = new ImageData(cols, rows);
  const out = new Uint32Array(image.data.buffer);
  for (let row = 0, i = 0; row < rows; row++) for (let col = 0; col < cols; col++) out[i++] = colour(row, col);
  /** @type {any} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
  return canvas;
}

/** Hatches a part of a canvas: there is no number that one could read. */
export function hatch(context, colour, x, y, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 7) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}
