// The token that is followed: one panel locks it, all show it at once; the server then answers for its position.

import { nextNumber } from "./sending.js";
import { listen } from "./view.js";

/**
 * Locks a token of the prompt; the locked one, or null, lets go.
 * @param {View} view - of the panel where it was chosen
 * @param {number | null} token - its index in the whole prompt
 */
export function lock(view, token) {
  window.dispatchEvent(new CustomEvent("gptscope:lock", { detail: token }));
  view.send("follow", { token, text: view.data.text, seq: nextNumber() });
}

/**
 * Calls `show` when a token was locked and the server does not know it yet.
 * @param {View} view
 * @param {(token: number | null) => void} show
 */
export function onLock(view, show) {
  listen(view, "gptscope:lock", ({ detail }) => show(detail));
}
