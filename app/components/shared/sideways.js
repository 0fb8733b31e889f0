// What scrolls sideways shows that there is more of it: the side where it goes on fades (shared.css).

/**
 * Marks the sides where something is out of sight, now and whenever that changes; returns what marks them anew.
 * @param {View} view
 * @param {HTMLElement} node
 */
export function showMore(view, node) {
  const mark = () => {
    const { scrollLeft, clientWidth, scrollWidth } = node;
    node.classList.toggle("more-before", scrollLeft > 1);
    node.classList.toggle("more-behind", scrollLeft + clientWidth < scrollWidth - 1);
  };
  node.addEventListener("scroll", mark, { passive: true });
  const sizes = new ResizeObserver(mark);
  const watch = () => {
    sizes.disconnect();
    for (const each of [node, ...node.children]) sizes.observe(each);
  };
  const others = new MutationObserver(watch);
  others.observe(node, { childList: true });
  watch();
  view.cleanups.push(() => sizes.disconnect(), () => others.disconnect());
  return mark;
}

/**
 * Lets the wheel move along a line.
 * @param {HTMLElement} node
 */
export function wheelMoves(node) {
  const moved = (event) => {
    if (node.scrollWidth <= node.clientWidth || event.deltaX !== 0) return;
    event.preventDefault();
    node.scrollLeft += event.deltaY;
  };
  node.addEventListener("wheel", moved, { passive: false });
}
