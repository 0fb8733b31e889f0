// The room that an element has: kept from its last change, because asking for it at each key is slow.

/**
 * Keeps the size of `node` in `view.space`, and runs `redraw` when it changes.
 * @param {View} view
 * @param {Element} node
 * @param {() => void} redraw
 */
export function onResize(view, node, redraw) {
  const observer = new ResizeObserver(() => {
    const [width, height] = [node.clientWidth, node.clientHeight];
    if (width === 0 || (view.space?.width === width && view.space?.height === height)) return;
    view.space = { width, height };
    if (view.data) redraw();
  });
  observer.observe(node);
  view.cleanups.push(() => observer.disconnect());
}

/**
 * Returns the size of `node`, known from the last time it changed.
 * @param {View} view
 * @param {Element} node
 */
export function spaceOf(view, node) {
  view.space ??= { width: node.clientWidth, height: node.clientHeight };
  return view.space;
}
