// A button that copies the lines of Python that make a picture.

import { el, put, write } from "../shared/dom.js";
import { cleanup, viewOf } from "../shared/view.js";

const TOLD = 4000; // ms

function build(root, view) {
  view.said = el("span", { class: "said", role: "status", "aria-live": "polite" });
  view.button = el("button", { type: "button", class: "quiet", "data-role": "copy-code", onclick: () => copy(view) }, "Copy code");
  root.append(view.said, view.button);
}

async function copy(view) {
  try {
    await navigator.clipboard.writeText(view.data.code);
    say(view, "Copied: Python that makes this picture.");
  } catch {
    say(view, "The browser does not let this page copy: the lines stand in the button’s tooltip.");
  }
}

function say(view, text) {
  write(view.said, text);
  clearTimeout(view.silence);
  view.silence = setTimeout(() => write(view.said, ""), TOLD);
}

export default function (component) {
  const view = viewOf(component, build);
  put(view.button, "data-code", view.data.code);
  put(view.button, "title", view.data.code);
  return cleanup(component);
}
