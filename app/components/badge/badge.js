// A line of text that asks to be measured anew when the prompt has come to rest (prompt.js says when).

import { cleanup, el, report, viewOf } from "../shared.js";

const SIGNS = { good: "✓", bad: "≠", none: "" };

function build(root, view) {
  view.sign = el("span", { "aria-hidden": "true" });
  view.label = el("span", { class: "number" });
  root.append(view.sign, view.label);
  const rested = (event) => {
    askIfNew(view, event.detail);
  };
  window.addEventListener("gptscope:rested", rested);
  view.cleanups.push(() => window.removeEventListener("gptscope:rested", rested));
}

/** Asks once for a prompt; the next update is the answer, or was overtaken, and then the prompt will rest again. */
function askIfNew(view, text) {
  if (text === view.data.text || text === view.asked) return;
  view.asked = text;
  report(view, { text });
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  view.asked = undefined;
  view.sign.textContent = SIGNS[data.kind];
  view.label.textContent = data.label;
  root.title = data.title;
  root.dataset.kind = data.kind;
  root.dataset.panel = "badge";
  root.dataset.text = data.text ?? "";
  return cleanup(component);
}
