// The model's own example in the place of the text in the box: a button in the box, and one beside a notice that offers it.

import { el } from "../shared/dom.js";

/**
 * Makes both buttons, the one for the box and the one for the line below it.
 * @param {View} view
 */
export function buildExample(view) {
  const button = (name, role, text) => el("button", { type: "button", class: name, "data-role": role, onclick: () => take(view) }, text);
  view.example = button("example", "example", "example");
  view.offer = button("offer quiet", "offer", "Take this model’s example");
}

/** The text that stands in the box goes along: a step back brings it back. */
function take(view) {
  const { value } = view.area;
  view.settled = value;
  view.flight.offer({ text: value, rev: view.rev, example: true });
  view.area.focus({ preventScroll: true }); // the button leaves
}

/** The place of the button in the box stays where there is nothing to take: no text moves. */
export function drawExample(view) {
  const { example, notice } = view.data;
  view.example.classList.toggle("none", !example);
  view.example.title = `take this model’s own example: ${example}`;
  view.offer.hidden = !notice?.offer || !example || Boolean(view.tooLong);
  view.example.disabled = Boolean(view.tooLong); // it could not be brought back
}
