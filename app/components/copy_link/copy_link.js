// A button that copies the address of what is on the screen, or says why nobody else could open it.

import { addressOf } from "../shared/address.js";
import { el, svg } from "../shared/dom.js";
import { whereabouts } from "../shared/here.js";
import { cleanup, listen, viewOf } from "../shared/view.js";

const TOLD = 4000; // ms
const SIGN = "M6.5 9.5 9.5 6.5 M7.5 4.5 9 3a2.8 2.8 0 0 1 4 4l-1.5 1.5 M8.5 11.5 7 13a2.8 2.8 0 0 1-4-4l1.5-1.5"; // a chain's two links

function build(root, view) {
  const sign = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SIGN }));
  view.button = el("button", { type: "button", "data-role": "copy-link", "aria-label": "Copy link", onclick: () => copy(view) }, sign, el("span", {}, "Copy link"));
  view.said = el("span", { role: "status", "aria-live": "polite", class: "said" });
  root.append(view.button, view.said);
  listen(view, "gptscope:here", () => follow(view));
}

function follow(view) {
  const { state } = whereabouts();
  const link = view.data.refusal || !state ? "" : new URL(addressOf(state), location.href).href;
  view.button.dataset.link = link;
  view.button.title = view.data.refusal || "Copy the address of what is on the screen";
}

async function copy(view) {
  follow(view); // another page has another path, of which nothing tells
  const { link } = view.button.dataset;
  if (!link) return say(view, view.data.refusal || "There is nothing to share yet.");
  try {
    await navigator.clipboard.writeText(link);
    say(view, "Link copied.");
  } catch {
    say(view, "The browser does not let this page copy: take the link from the address bar.");
  }
}

function say(view, text) {
  view.said.textContent = text;
  clearTimeout(view.silence);
  view.silence = setTimeout(() => (view.said.textContent = ""), TOLD);
}

export default function (component) {
  const view = viewOf(component, build);
  follow(view);
  return cleanup(component);
}
