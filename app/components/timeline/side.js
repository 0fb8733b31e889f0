// What stands beside the curves: where one is, the losses there, the score of the chosen head, the strongest head, and
// what the score tells of the training.

import { el, write } from "../shared/dom.js";
import { lossesTold } from "./series.js";

/**
 * Returns the lines; the last of them is there while the strip is closed, too.
 * @param {View} view
 * @param {{ tell: () => void, back: () => void, pick: (found: any) => void, shut: () => void }} does
 */
export function side(view, { tell, back, pick, shut }) {
  const button = (attributes, ...inside) => el("button", { type: "button", ...attributes }, ...inside);
  view.story = button({ class: "quiet story", "data-role": "story", onclick: () => pick(view.data.story) });
  view.close = button({ class: "quiet push", "data-role": "close", "aria-label": "Close the training", title: "Esc and a click beside it close it, too", onclick: shut }, "close ×");
  view.kind = el("select", { "aria-label": "Score of the heads", onchange: tell });
  view.who = el("span", { class: "number" });
  view.score = el("output", { class: "number score" });
  view.strongest = button({ class: "quiet", "data-role": "strongest", onclick: () => pick(view.data.strongest) });
  view.back = button({ class: "quiet", onclick: back });
  view.moment = el("strong", { class: "number moment", role: "status", "data-role": "moment" }, el("span"), el("span", { class: "rest" }));
  view.losses = el("span", { class: "losses" });
  view.now = el("div", { class: "line" }, view.moment, view.losses);
  return el(
    "div",
    { class: "side" },
    el("div", { class: "line more" }, view.story, view.close),
    el("div", { class: "line more" }, view.kind, view.who, view.score),
    el("div", { class: "line more" }, view.strongest, view.back),
    view.now,
  );
}

/** @param {View} view */
export function drawKinds(view) {
  const { kinds, opened } = view.history;
  write(view.back, `${opened.name} model`);
  const key = kinds.map(({ name }) => name).join(" ");
  if (view.kinds !== key) {
    view.kinds = key;
    view.kind.replaceChildren(...kinds.map(({ name, meaning }) => el("option", { value: name, title: meaning }, name)));
  }
  view.kind.hidden = kinds.length === 0;
  if (!view.flight.idle()) return; // the user is ahead of the server
  view.kind.value = view.data.kind;
}

/** @param {View} view */
export function drawValues(view) {
  const { at, moment, short, losses, kind, score, layer, head } = view.data;
  write(view.moment.firstChild, short);
  write(view.moment.lastChild, moment.slice(short.length));
  view.back.style.visibility = at === null ? "hidden" : "visible";
  const found = lossesTold(losses);
  const key = found.join(" ");
  if (view.told !== key) {
    view.told = key;
    view.losses.replaceChildren(...found.map(([id, text]) => el("span", { class: id }, text)));
  }
  view.now.title = [moment, ...found.map(([, text]) => text)].join(" · "); // also what has no room
  write(view.who, kind ? `of head ${layer}.${head}:` : "");
  write(view.score, !kind ? "" : score === null ? "—" : score.toFixed(3));
  view.score.title = score === null ? "measured at the snapshots" : String(score);
  view.kind.title = view.history?.kinds.find(({ name }) => name === kind)?.meaning ?? "";
  drawStrongest(view);
}

function drawStrongest(view) {
  const { kind, layer, head, strongest, story } = view.data;
  const here = strongest && strongest.layer === layer && strongest.head === head;
  write(view.strongest, strongest ? `strongest head ${strongest.layer}.${strongest.head}` : "strongest head");
  view.strongest.disabled = !strongest || here;
  view.strongest.style.visibility = kind ? "visible" : "hidden";
  view.strongest.title = !strongest ? "measured at the snapshots" : here ? "it is chosen" : `choose it: its score is the largest here`;
  write(view.story, story ? `head ${story.layer}.${story.head} passes ½ at step ${story.step}` : "no head passes ½");
  view.story.disabled = !story;
  view.story.title = story ? "go to that step, and choose that head" : "";
  view.story.style.visibility = kind ? "visible" : "hidden";
}
