// A view in words: a sentence for each node beside the drawing. Pointing at one lights the other; a node's name and each
// number lead to the tensor.

import { el, write } from "../shared/dom.js";
import { arrowsMove, keepStop } from "../shared/roving.js";
import { segments } from "../shared/segments.js";
import { nextNumber } from "../shared/sending.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { buildDrawing, drawDrawing } from "./drawing.js";
import { spoken } from "./parts.js";

/** @type {Record<string, string>} */
const CHOICES = { layer: "block", head: "head", token: "token" };

function build(root, view) {
  view.choices = el("div", { class: "choices" });
  view.prompt = el("p", { class: "prompt soft" });
  view.list = el("ol", { "aria-label": "What each node does, in the order of computation" });
  view.answers = el("div", { class: "answers" });
  view.asks = el("h2", {}, "Questions that learners ask, answered on this model and prompt");
  buildDrawing(view, (id) => mark(view, id), (id) => goTo(view, id));
  const idAt = (event) => event.target.closest("li")?.dataset.node ?? "";
  view.list.addEventListener("pointerover", (event) => mark(view, idAt(event)));
  view.list.addEventListener("pointerleave", () => mark(view, ""));
  view.list.addEventListener("focusin", (event) => mark(view, idAt(event)));
  arrowsMove(view.list);
  const told = el("div", { class: "told" }, view.prompt, view.list, el("section", {}, view.asks, view.answers));
  root.append(view.choices, el("div", { class: "beside" }, view.drawing, told));
}

/**
 * Says it with all that is chosen, so that an event which overtakes another one loses nothing; and with the session and
 * the model: an event of a page that outlived them is about another screen.
 */
function tell(view, event) {
  const chosen = view.selects.map(({ kind, select }) => [kind, select.value === "" ? null : Number(select.value)]);
  const { view: shown, origin } = view.data;
  const asked = event.view ?? view.sent?.view ?? shown;
  view.sent = { kind: "place", ...Object.fromEntries(chosen), ...event, view: asked, origin, seq: nextNumber() };
  view.send("event", view.sent);
}

/** Lights a node in the drawing and what is said of it; "" lights none. */
function mark(view, id) {
  for (const each of [...(view.groups ?? []), ...view.list.children]) each.classList.toggle("lit", each.dataset.node === id);
}

/** Leads from the drawing to the sentence, from where Enter leads to the tensor. */
function goTo(view, id) {
  const item = [...view.list.children].find((each) => each.dataset.node === id);
  item?.scrollIntoView({ block: "nearest" });
  item?.querySelector(".name").focus({ preventScroll: true });
}

// ---- the choices ---------------------------------------------------------------------------------------------

function drawChoices(view) {
  const { views, view: shown, choices, ack, origin } = view.data;
  if (!view.views) {
    view.views = segments("View of the map", Object.fromEntries(views), (name) => tell(view, { view: name }));
    view.selects = Object.entries(CHOICES).map(([kind, name]) => makeSelect(view, kind, name));
    view.choices.append(view.views.node, ...view.selects.map(({ label }) => label));
  }
  if (view.sent && view.sent.origin === origin && ack < view.sent.seq) return; // what was chosen since is on its way
  view.sent = null;
  view.views.choose(shown);
  for (const { kind, label, select } of view.selects) drawSelect(kind, label, select, choices[kind]);
}

function makeSelect(view, kind, name) {
  const select = el("select", { "data-role": kind, onchange: () => tell(view, {}) });
  return { kind, select, label: el("label", {}, name, select) };
}

function drawSelect(kind, label, select, choice) {
  label.hidden = !choice;
  if (!choice) return select.replaceChildren();
  const told = choice.labels.join("\n");
  if (select.told !== told || !select.options.length) {
    select.told = told;
    const says = (each, i) => (kind === "token" ? `${i} ${visible(each)}` : each);
    select.replaceChildren(...choice.labels.map((each, i) => el("option", { value: i }, says(each, i))));
  }
  select.value = String(choice.chosen);
}

// ---- the words -----------------------------------------------------------------------------------------------

function drawSentences(view, walk) {
  const { sentences, letters, views } = view.data;
  const short = new Map(views);
  view.list.replaceChildren(
    ...sentences.map(({ node, label, concept, opens, parts }) => {
      const show = () => tell(view, { kind: "find", id: node });
      const name = el("button", { type: "button", class: "name", title: `${node}: show it on Explore`, onclick: show }, label);
      const into = opens && el("button", { type: "button", class: "into", onclick: () => tell(view, { view: opens }) }, `${short.get(opens)} in words ›`);
      const told = el("span", {}, ...spoken(parts, letters, walk));
      if (into) told.append(" ", into);
      return el("li", { class: `concept-${concept}`, "data-node": node }, name, told);
    }),
  );
  keepStop(view.list);
}

/** Questions that were opened stay open while it is the same view. */
function drawQuestions(view, walk) {
  const { questions, letters, view: shown } = view.data;
  const open = view.told === shown ? [...view.answers.children].map((each) => each.open) : [];
  view.told = shown;
  view.answers.replaceChildren(
    ...questions.map(({ question, answer }, i) => {
      const asked = el("summary", {}, ...spoken(question, letters, null));
      return el("details", { open: open[i] ?? false, "data-role": "question" }, asked, el("p", {}, ...spoken(answer, letters, walk)));
    }),
  );
}

export default function (component) {
  const view = viewOf(component, build);
  const { data, root } = view;
  const walk = (id, cell) => tell(view, { kind: "cell", id, cell });
  if (view.toldData !== data) {
    // not when only the theme has changed
    view.toldData = data;
    drawChoices(view);
    write(view.prompt, `Prompt: ${data.text.replace(/\n/g, "↵")}`);
    view.prompt.title = data.text;
    drawDrawing(view);
    drawSentences(view, walk);
    drawQuestions(view, walk);
    root.dataset.view = data.view;
  }
  painted(view, "in_words");
  return cleanup(component);
}
