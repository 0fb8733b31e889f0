// The sign "…" at a node of the map opens the form of changes there; so do a right click on the node, a long touch, the key
// of the context menu and the key c. It stands at the node that one points at or that has the focus, else at the selected one.

import { el, put } from "../shared/dom.js";
import { report } from "../shared/sending.js";

/**
 * Builds the sign of one form of the map.
 * @param {View} view
 * @param {HTMLElement} around - holds the nodes
 * @param {object} form
 * @param {() => string} form.selected - the selected node; "" where it is not drawn
 * @param {(event: any) => string | undefined} form.nodeAt - the node of an event
 * @param {(id: string) => { x: number, y: number, label: string } | null} form.placeOf - where the sign stands at a node
 * @returns {{ node: HTMLElement, draw: () => void, change: (id: string) => void }}
 */
export function changeSign(view, around, { selected, nodeAt, placeOf }) {
  /** @type {string | null} */
  let at = null; // pointed at, or with the focus
  const title = "change it: off, scale, set, mean, resample or patch it, its layer, a neuron, a position (or a right click on it; c at the keyboard)";
  const node = el("button", { type: "button", class: "dots", "data-role": "change-node", tabindex: "-1", title, onclick: () => change(node.dataset.of) }, "…");

  /** @param {string} id */
  function change(id) {
    if (mayChange(id)) report(view, { kind: "change", id });
  }

  /** @param {string} id */
  function mayChange(id) {
    return id !== "" && !view.data.fixed.includes(id);
  }

  function draw() {
    const id = at ?? selected();
    const place = mayChange(id) ? placeOf(id) : null;
    node.hidden = place === null;
    if (place === null) return;
    const style = `left: ${place.x}px; top: ${place.y}px`;
    if (node.getAttribute("style") !== style) node.style.cssText = style;
    put(node, "data-of", id);
    put(node, "aria-label", `change ${place.label}`);
  }

  /** @param {string | null | undefined} id */
  function stand(id) {
    if (id === undefined || id === at) return; // between nodes, or on the sign itself
    at = id;
    draw();
  }

  around.addEventListener("pointermove", (event) => stand(nodeAt(event)));
  around.addEventListener("pointerleave", () => stand(null));
  around.addEventListener("focusin", (event) => stand(nodeAt(event)));
  around.addEventListener("focusout", (event) => event.relatedTarget !== node && stand(null)); // else it goes before the click
  around.addEventListener("contextmenu", (event) => {
    const id = nodeAt(event);
    if (id === undefined || !mayChange(id)) return; // the browser's own menu
    event.preventDefault();
    change(id);
  });
  return { node, draw, change };
}
