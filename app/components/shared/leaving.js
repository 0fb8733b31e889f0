// Whether another page was chosen and is not there yet. What a component reports meanwhile names the old page, and
// Streamlit, which takes that for the present one, clears the new: so it waits (turns.js). And the choice waits for
// what was reported just before, which Streamlit has collected and not sent.

import { el } from "./dom.js";

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

/**
 * Makes a link to another page of the app. It chooses that page as the page's own menu does, which keeps what is on the
 * screen; in a new tab, or where the menu is folded, it opens the address.
 * @param {string} path - the last part of its address
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 */
export function wayTo(path, attributes, ...children) {
  const link = el("a", { href: path, ...attributes }, ...children);
  link.addEventListener("pointerdown", () => link.setAttribute("href", path + location.search));
  link.addEventListener("click", (event) => {
    const menu = [...document.querySelectorAll('[data-testid="stTopNavLink"]')].find((each) => each instanceof HTMLAnchorElement && new URL(each.href).pathname.endsWith(`/${path}`));
    if (!(menu instanceof HTMLElement) || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    menu.click();
  });
  return link;
}
