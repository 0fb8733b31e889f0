// All tokens of the prompt as a row of marks: which are in sight, which is locked, which the model does not see.

import { fitCanvas } from "../shared/canvas.js";
import { property } from "../shared/colours.js";
import { el } from "../shared/dom.js";
import { clamp } from "../shared/numbers.js";

const SIZE = { width: 150, height: 24 };

/**
 * Makes the overview; a press or a drag on it tells the token there.
 * @param {View} view
 * @param {(token: number) => void} look
 */
export function buildOverview(view, look) {
  view.overview = el("canvas", { class: "overview", title: "all tokens: press to look there", "aria-hidden": "true" });
  const at = (event) => {
    const { labels, first } = view.data;
    const share = clamp(event.offsetX / SIZE.width, 0, 0.9999);
    look(Math.floor(share * (first + labels.length)));
  };
  view.overview.addEventListener("pointerdown", (event) => {
    view.overview.setPointerCapture(event.pointerId);
    at(event);
  });
  view.overview.addEventListener("pointermove", (event) => event.buttons && at(event));
  return view.overview;
}

/**
 * Draws the overview when all panels are drawn, in their frame: it asks where the chips stand.
 * @param {View} view
 */
export function drawOverview(view) {
  if (view.overviewSoon || !view.data) return;
  view.overviewSoon = true;
  requestAnimationFrame(() => {
    view.overviewSoon = false;
    if (view.root.isConnected) draw(view);
  });
}

function draw(view) {
  const { labels, first, cropped } = view.data;
  const count = first + labels.length;
  const context = fitCanvas(view.overview, SIZE.width, SIZE.height);
  const step = Math.min(12, SIZE.width / count);
  const mark = (token, top, height, colour) => {
    context.fillStyle = colour;
    context.fillRect(token * step, top, Math.max(1, step - (step > 3 ? 1 : 0)), height);
  };
  const [line, soft, dark] = ["--gs-frame", "--gs-soft", "--st-text-color"].map((name) => property(view, name));
  for (let token = 0; token < count; token++) mark(token, 8, 8, token < cropped ? line : soft);
  const [from, to] = seen(view);
  view.chips.classList.toggle("more-before", from > 0 || isCut(view));
  view.chips.classList.toggle("more-behind", to < count - 1);
  context.strokeStyle = dark;
  context.lineWidth = 1.5;
  context.strokeRect(from * step + 0.75, 3.75, Math.max(3, (to - from + 1) * step - 1.5), 16.5);
  for (const token of [view.locking === undefined ? view.data.lock : view.locking, view.marked === null ? null : view.marked + cropped]) {
    if (token !== null) mark(token, 1, 22, dark);
  }
}

/** True where the first chip is in sight in part alone. */
function isCut({ chips }) {
  return chips.firstChild !== null && chips.firstChild.getBoundingClientRect().left < chips.getBoundingClientRect().left - 1;
}

/** The first and the last token whose chip is in sight. */
function seen(view) {
  const box = view.chips.getBoundingClientRect();
  const inside = [...view.chips.children].filter((chip) => {
    const own = chip.getBoundingClientRect();
    return own.right > box.left + 2 && own.left < box.right - 2;
  });
  return inside.length ? [Number(inside[0].dataset.tokenIndex), Number(inside.at(-1).dataset.tokenIndex)] : [0, 0];
}
