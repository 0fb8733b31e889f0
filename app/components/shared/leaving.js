// Whether another page was chosen and is not there yet. What a component reports meanwhile names the old page, and
// Streamlit, which takes that for the present one, clears the new: so it waits (turns.js). And the choice waits for
// what was reported just before, which Streamlit has collected and not sent.

const ARRIVAL = 10_000; // ms within which a page that was chosen is there, or will not come
/** @type {string | null} */
let heading = null; // the path of the page that was chosen, until it is there
let collecting = () => false;

window.addEventListener("click", chosen, { capture: true });

function chosen(event) {
  const link = event.target.closest?.('[data-testid="stTopNavLink"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (collecting()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    setTimeout(() => link.click());
    return;
  }
  const path = new URL(link.href).pathname;
  heading = path;
  setTimeout(() => heading === path && (heading = null), ARRIVAL);
}

/**
 * Has the choice of a page wait as long as `asked()` is true.
 * @param {() => boolean} asked
 */
export function waitWhile(asked) {
  collecting = asked;
}

/** Returns true while another page was chosen and is not there. */
export function leaving() {
  if (heading === location.pathname) heading = null;
  return heading !== null;
}
