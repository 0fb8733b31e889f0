// The view of a mounted component: built once, handed back with each update, taken away when it has left the page.

import { checkThemeSoon, readTheme } from "./colours.js";
import { el } from "./dom.js";
import { inTurn } from "./turns.js";

const VIEWS = new WeakMap(); // shadow root -> view

/**
 * Returns the view of a mounted component: made once by `build`, then handed back with each update. A view that draws
 * on a canvas sets `view.redraw`, for when the theme changes.
 * @param {Mounted} component
 * @param {(root: HTMLElement, view: View) => void} build
 * @returns {View}
 */
export function viewOf(component, build) {
  const { parentElement, data } = component;
  let view = VIEWS.get(parentElement);
  if (!view) {
    for (const child of [...parentElement.children]) if (child.matches(".gs")) child.remove(); // of an older version
    const root = el("div", { class: "gs" });
    view = { root, cleanups: [], data: null, redraw: null };
    VIEWS.set(parentElement, view);
    parentElement.append(root);
    build(root, view);
    readTheme(view);
  } else if (view.data === data) readTheme(view); // called without new data: the theme changed
  else checkThemeSoon(view);
  view.data = data;
  view.component = component; // changes with each render: always use the newest
  view.send ??= (name, value) =>
    inTurn(component.key, () => view.root.isConnected && view.component.setStateValue(name, value));
  return view;
}

/**
 * Returns a clean-up function for a component's default export to return. Streamlit also calls that of an update which was
 * overtaken by the next (a theme change does it): only a component that has left the page is cleaned up.
 * @param {Mounted} component
 * @param {() => void} undo
 */
export function whenGone({ parentElement }, undo) {
  return () => {
    if (!(parentElement.host ?? parentElement).isConnected) undo();
  };
}

/**
 * Returns the clean-up function of a component that has a view.
 * @param {Mounted} component
 */
export function cleanup(component) {
  return whenGone(component, () => {
    for (const undo of VIEWS.get(component.parentElement)?.cleanups ?? []) undo();
    VIEWS.get(component.parentElement)?.root.remove();
    VIEWS.delete(component.parentElement);
  });
}

/**
 * Calls `hear` at each event of the page with this name, until the view is taken away.
 * @template {keyof WindowEventMap} Name
 * @param {View} view
 * @param {Name} name
 * @param {(event: WindowEventMap[Name]) => void} hear
 */
export function listen(view, name, hear) {
  window.addEventListener(name, hear);
  view.cleanups.push(() => window.removeEventListener(name, hear));
}

/**
 * Says which prompt and which weights the numbers now on the screen belong to. Call last: what it tells must have been
 * drawn.
 * @param {View} view
 * @param {string} panel
 */
export function painted(view, panel) {
  view.root.dataset.panel = panel;
  if (view.data.text !== undefined) view.root.dataset.text = view.data.text;
  if (view.data.step !== undefined) view.root.dataset.step = view.data.step;
}
