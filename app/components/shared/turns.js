// No two components report in one batch: Streamlit collects all reports until a timer of 0 ms that it sets at the
// first, and then runs only the fragment of that one. A timer set right behind its own ends right behind it.

import { leaving, waitWhile } from "./leaving.js";

/** @type {string | null} */
let open = null; // the key of the component that has the batch which Streamlit collects at present
/** @type {{key: string, send: () => void}[]} */
let queue = []; // what other components report meanwhile
waitWhile(() => open !== null);

/**
 * Sends at once, or in the next batch while another component has this one.
 * @param {string} key - of the component
 * @param {() => void} send
 */
export function inTurn(key, send) {
  if (leaving()) {
    setTimeout(() => inTurn(key, send), 50);
    return;
  }
  if (open !== null && open !== key) {
    queue.push({ key, send });
    return;
  }
  send();
  if (open === null) setTimeout(nextTurn); // after Streamlit's, so only now
  open = key;
}

function nextTurn() {
  const waited = queue;
  queue = [];
  open = null;
  for (const { key, send } of waited) inTurn(key, send);
}
