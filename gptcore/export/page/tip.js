// The words beside the pointer.

import { el } from "./numbers.js";

const tip = el("div", { id: "tip", class: "number", hidden: true });

export function placeTip() {
  document.body.append(tip);
}

/**
 * Shows some lines beside a point of the window.
 * @param {{x: number, y: number}} at
 * @param {any[][]} lines - each a list of texts and elements
 * @param {Record<string, any>} told - for tests and scripts: exact values
 */
export function showTip({ x, y }, lines, told = {}) {
  tip.replaceChildren(...lines.map((parts) => el("div", {}, ...parts)));
  for (const name of Object.keys(tip.dataset)) delete tip.dataset[name];
  Object.assign(tip.dataset, told);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? x - width - 12 : x + 16;
  const top = y + 16 + height > innerHeight ? y - height - 12 : y + 16;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

export function hideTip() {
  tip.hidden = true;
}
