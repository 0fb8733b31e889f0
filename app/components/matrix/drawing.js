// The plot on its two canvases: the heatmap or its links, and over it what moves with the pointer and the lock.

import { fitCanvas } from "../shared/canvas.js";
import { CODE } from "../shared/codes.js";
import { property } from "../shared/colours.js";
import { clamp } from "../shared/numbers.js";
import { tellPinned } from "../shared/pinned.js";
import { spaceOf } from "../shared/size.js";
import { drawAxes, drawFrame, layout } from "./axes.js";
import { drawLegend, paintLegend } from "./legend.js";
import { drawLinks } from "./links.js";
import { drawnFor, sayOff } from "./off.js";
import { hatchMasked, hatchUnknown, picture } from "./pixels.js";

export function draw(view) {
  view.font = `12.5px ${property(view, "--gs-mono")}`;
  const space = spaceOf(view, view.box);
  const context = fitCanvas(view.base, space.width, space.height);
  view.plot = layout(view);
  const { x, y, width, height } = view.plot;
  const place = `left: ${x}px; top: ${y}px; width: ${width}px; height: ${height}px;`;
  if (view.place.style.cssText !== place) view.place.style.cssText = place;
  paint(view, context);
  drawLegend(view);
  view.farther.disabled = view.all.disabled = view.sight.whole;
  drawOver(view);
  tellWherePinned(view);
}

/** The plot with its labels, on the screen or in a file. */
export function paint(view, context) {
  const { x, y, width, height } = view.plot;
  if (view.data.plot === "links") drawLinks(view, context);
  else {
    const drawn = picture(view);
    const [px, py, wide, tall] = drawn.seen;
    context.imageSmoothingEnabled = width < wide || height < tall;
    if (drawn.has[CODE.masked]) hatchMasked(view, context);
    drawnFor(context, view.data.off, () => context.drawImage(drawn.canvas, px, py, wide, tall, x, y, width, height));
    if (drawn.has[CODE.nan]) hatchUnknown(view, context, drawn);
    drawFrame(view, context);
    crossCut(view, context);
    drawAxes(view, context);
  }
  sayOff(view, context, view.data.off);
}

/** Crosses out each cell whose edge is cut: it holds no weight that happens to be 0. */
function crossCut(view, pen) {
  const { data, plot, sight } = view;
  const { x, y, cellW, cellH, row, col } = plot;
  pen.save();
  pen.lineCap = "round";
  for (const [query, key] of data.cut ?? []) {
    const [down, across] = [query - row, key - col];
    if (down < 0 || across < 0 || down >= sight.rows || across >= sight.cols) continue;
    const half = clamp(0.26 * Math.min(cellW, cellH), 2.5, 7);
    const [left, top] = [x + (across + 0.5) * cellW, y + (down + 0.5) * cellH];
    pen.beginPath();
    for (const side of [half, -half]) {
      pen.moveTo(left - half, top - side);
      pen.lineTo(left + half, top + side);
    }
    pen.strokeStyle = property(view, "--st-background-color");
    pen.lineWidth = 4.5; // its rim, for a cell of any colour
    pen.stroke();
    pen.strokeStyle = property(view, "--gs-error");
    pen.lineWidth = 2;
    pen.stroke();
  }
  pen.restore();
}

/** The plot as a file needs it: with the followed token's row, and the scale of the colours below. */
export function paintForFile(view, pen, height) {
  paint(view, pen);
  frameFollowed(view, pen);
  pen.save();
  pen.translate(0, height);
  paintLegend(view, pen);
  pen.restore();
}

/** Another head's pattern from the pictures that are there, for as long as one points at it. */
export function preview(view, head) {
  view.previewed = head;
  if (!head) return draw(view);
  const atlas = window.gptscopeHeads;
  if (!atlas || !view.plot || !view.data.square) return;
  const { x, y, width, height } = view.plot;
  const context = view.base.getContext("2d");
  if (!context) return;
  context.imageSmoothingEnabled = false;
  context.fillStyle = property(view, "--st-background-color");
  context.fillRect(x, y, width, height); // what is drawn pale would let the other pattern through
  drawnFor(context, head.off, () => context.drawImage(atlas.canvas, head.head * atlas.size, head.layer * atlas.size, atlas.size, atlas.size, x, y, width, height));
  sayOff(view, context, head.off);
}

/** The row or column of the token that is followed. */
function frameFollowed(view, pen) {
  const { data, locking } = view;
  const at = locking === undefined || locking === null ? data.position : locking - (data.prompt?.cropped ?? 0);
  if (at === undefined || at === null || data.plot === "links") return;
  const { x, y, width, height, cellW, cellH, row, col } = view.plot;
  pen.strokeStyle = property(view, "--st-text-color");
  pen.lineWidth = 2.5;
  if (data.row_tokens) {
    if (at >= row && at < row + view.sight.rows) pen.strokeRect(x - 2, y + (at - row) * cellH, width + 4, cellH);
  } else if (data.col_tokens && at >= col && at < col + view.sight.cols) {
    pen.strokeRect(x + (at - col) * cellW, y - 2, cellW, height + 4);
  }
}

/** What moves with the pointer, on a canvas of its own: the heatmap below is not drawn again. */
export function drawOver(view) {
  if (!view.plot) return;
  const { data } = view;
  const space = spaceOf(view, view.box);
  const context = fitCanvas(view.over, space.width, space.height);
  const { x, y, width, height, cellW, cellH, row, col } = view.plot;
  if (data.plot === "links") return;
  const dark = property(view, "--st-text-color");
  const inRows = (i) => i >= row && i < row + view.sight.rows;
  const inCols = (i) => i >= col && i < col + view.sight.cols;
  const column = (i) => inCols(i) && context.strokeRect(x + (i - col) * cellW, y - 2, cellW, height + 4);
  const band = (i) => inRows(i) && context.strokeRect(x - 2, y + (i - row) * cellH, width + 4, cellH);
  const frame = (cell, thick) => {
    if (!cell || !inRows(cell.row) || !inCols(cell.col)) return;
    context.lineWidth = thick;
    context.strokeRect(x + (cell.col - col) * cellW - 1, y + (cell.row - row) * cellH - 1, Math.max(cellW, 3) + 2, Math.max(cellH, 3) + 2);
  };
  frameFollowed(view, context);
  context.strokeStyle = dark;
  const { index, query } = view.marked ?? { index: null, query: null };
  context.lineWidth = 1.5;
  if (index !== null && data.col_tokens) column(index);
  if (index !== null && data.row_tokens && (!data.col_tokens || query === null)) band(index);
  if (query !== null && data.row_tokens) band(query);
  if (view.cell && view.cell.row < data.rows && view.cell.col < data.cols) {
    context.lineWidth = 1;
    context.globalAlpha = 0.6;
    column(view.cell.col);
    band(view.cell.row);
    context.globalAlpha = 1;
    frame(view.cell, 2);
  }
  if (view.pinned && view.pinned.row < data.rows && view.pinned.col < data.cols) frame(view.pinned, 3);
}

/** Tells where the pinned cell stands in the window. */
export function tellWherePinned({ data, pinned, plot, sight, over }) {
  if (!data.explains) return;
  const [row, col] = [(pinned?.row ?? -1) - sight.row, (pinned?.col ?? -1) - sight.col];
  if (!pinned || data.plot === "links" || row < 0 || col < 0 || row >= sight.rows || col >= sight.cols) return tellPinned(null);
  const { left, top } = over.getBoundingClientRect();
  tellPinned(new DOMRect(left + plot.x + col * plot.cellW, top + plot.y + row * plot.cellH, plot.cellW, plot.cellH));
}
