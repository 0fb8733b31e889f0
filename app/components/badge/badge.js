// A line of text that asks to be measured anew when the prompt has come to rest (prompt.js says when).

import { cleanup, el, report, viewOf } from "../shared.js";

const SIGNS = { good: "✓", bad: "≠", none: "" };

function build(root, view) {
  view.moment = el("strong", { class: "moment number" });
  view.sign = el("span", { "aria-hidden": "true" });
  view.label = el("span", { class: "number" });
  root.append(view.moment, view.sign, view.label);
  const rested = (event) => {
    askIfNew(view, event.detail);
  };
  const moved = (event) => tellMoment(view, event.detail);
  window.addEventListener("gptscope:rested", rested);
  window.addEventListener("gptscope:moment", moved);
  view.cleanups.push(() => {
    window.removeEventListener("gptscope:rested", rested);
    window.removeEventListener("gptscope:moment", moved);
  });
}

/** Which weights the page shows: no number of the header may be taken for theirs. */
function tellMoment(view, moment) {
  view.now = moment;
  view.moment.textContent = moment;
  view.moment.hidden = !moment;
}

/** Asks once for a prompt and a moment of the training; the next update is the answer, or was overtaken, and then the prompt will rest again. */
function askIfNew(view, text) {
  const key = JSON.stringify([text, view.now]);
  if (key === view.measured || key === view.asked) return;
  view.asked = key;
  report(view, { text });
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  if (view.told !== data) tellMoment(view, data.moment); // not when only the theme has changed
  view.told = data;
  view.asked = undefined;
  view.measured = JSON.stringify([data.text, data.moment]);
  view.sign.textContent = SIGNS[data.kind];
  view.label.textContent = data.label;
  root.title = data.title;
  root.dataset.kind = data.kind;
  root.dataset.panel = "badge";
  root.dataset.text = data.text ?? "";
  return cleanup(component);
}
