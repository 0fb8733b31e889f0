// A panel of Explore within another component: the same module, with styles of its own.

import { el } from "./dom.js";

/**
 * Returns the element of a panel, and what draws it there; without data it is taken away. What it reports goes on as an
 * event of the component around it, of the kind of the panel's name.
 * @param {View} view - of the component around it
 * @param {string} name - the folder of the panel's component
 */
export function panelInside(view, name) {
  const place = el("div", { "data-place": name });
  const host = el("div");
  host.attachShadow({ mode: "open" });
  /** @type {(() => void) | undefined} */
  let undo;
  const leave = () => {
    host.remove();
    undo?.();
    undo = undefined;
  };
  view.cleanups.push(leave);
  /** @param {any} data */
  function draw(data) {
    if (!data) return leave();
    if (!host.isConnected) place.append(host);
    const setStateValue = (/** @type {string} */ _, /** @type {any} */ report) =>
      view.component.setStateValue("event", { kind: name, report, seq: report.seq });
    const mount = /** @type {Mount} */ (window.gptscopeModules.get(name));
    undo = mount({ name, data, key: view.component.key, parentElement: host.shadowRoot, setStateValue });
  }
  return { place, draw };
}
