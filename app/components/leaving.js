// Whether another page was chosen and is not there yet. What a component reports meanwhile names the old page, and
// Streamlit, which takes that for the present one, clears the new: so it waits (shared.js).

const ARRIVAL = 10_000; // ms within which a page that was chosen is there, or will not come
let heading = null; // the path of the page that was chosen, until it is there

window.addEventListener("click", chosen, { capture: true });

function chosen(event) {
  const link = event.target.closest?.('[data-testid="stTopNavLink"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const path = new URL(link.href).pathname;
  heading = path;
  setTimeout(() => heading === path && (heading = null), ARRIVAL);
}

/** Whether another page was chosen and is not there. */
export function leaving() {
  if (heading === location.pathname) heading = null;
  return heading !== null;
}
