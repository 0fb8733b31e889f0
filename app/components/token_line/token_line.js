// The prompt in one line, a button a token. Pointing lights nothing and asks nobody; a click follows another token.

import { el, put, write } from "../shared/dom.js";
import { arrowsMove, keepStop, stopAt } from "../shared/roving.js";
import { report } from "../shared/sending.js";
import { showMore, wheelMoves } from "../shared/sideways.js";
import { onResize } from "../shared/size.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

function build(root, view) {
  view.cropped = el("span", { class: "soft" });
  view.tokens = el("div", { class: "tokens scroll", role: "group", "aria-label": "The prompt: the token after which the prediction is looked at" });
  view.without = el("s", { class: "soft" });
  view.says = el("span", { class: "says" });
  root.append(el("span", { class: "soft named" }, "Prompt"), view.cropped, view.tokens, el("span", { class: "soft" }, "→"), view.without, view.says);
  arrowsMove(view.tokens);
  showMore(view, view.tokens);
  wheelMoves(view.tokens);
  onResize(view, view.tokens, () => bring(view));
  view.tokens.addEventListener("click", (event) => {
    const token = event.target.closest("button");
    if (token) report(view, { position: Number(token.dataset.position), origin: view.data.origin });
  });
}

/** Brings the followed token into sight: only the line itself moves, never the page. */
function bring(view) {
  const followed = view.tokens.children[view.data.position];
  if (!followed) return;
  const { offsetLeft, offsetWidth } = followed;
  const { clientWidth, scrollLeft } = view.tokens;
  if (offsetLeft < scrollLeft || offsetLeft + offsetWidth > scrollLeft + clientWidth) view.tokens.scrollLeft = offsetLeft + offsetWidth / 2 - clientWidth / 2;
}

function newToken(token, at) {
  return el("button", { type: "button", "data-position": at, title: `position ${at}`, "aria-label": `${at} ${visible(token)}` }, visible(token));
}

/** Tells what the model says next, with the changes that are on; struck through, what it says without them. */
function tellNext(view) {
  const { tokens, position, says, without } = view.data;
  const [now, last] = [visible(says), visible(tokens[position] ?? "")];
  write(view.says, now);
  write(view.without, visible(without ?? ""));
  view.without.hidden = without === null || without === says;
  const as = without === says ? "it does so without them, too" : `without them, it expects ${visible(without ?? "")}`;
  const words = without === null ? "The model expects" : "With the changes, the model expects";
  put(view.says, "title", `${words} ${now} after ${last}${without === null ? "" : `; ${as}`}.`);
}

export default function (component) {
  const view = viewOf(component, build);
  const { tokens, cropped, position } = view.data;
  const told = JSON.stringify(tokens);
  if (view.made !== told) {
    view.made = told;
    view.tokens.replaceChildren(...tokens.map(newToken));
  }
  const buttons = [...view.tokens.children];
  buttons.forEach((button, at) => put(button, "aria-pressed", at === position));
  keepStop(view.tokens);
  if (view.position !== position && buttons[position]) {
    view.position = position;
    stopAt(view.tokens, buttons[position]);
    bring(view);
  }
  view.cropped.hidden = cropped === 0;
  write(view.cropped, `… ${cropped} before`);
  put(view.cropped, "title", `The model sees the last ${tokens.length} tokens of the prompt.`);
  tellNext(view);
  painted(view, "token_line");
  return cleanup(component);
}
