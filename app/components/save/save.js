// A menu that saves pictures of the page, and files that the server makes.

import { property } from "../shared/colours.js";
import { el, write } from "../shared/dom.js";
import { focusedElement } from "../shared/focus.js";
import { savePicture } from "../shared/pictures.js";
import { cleanup, listen, viewOf } from "../shared/view.js";
import { fileRows, takeFile } from "./files.js";

const PICTURES = { stage: "the tensor", map: "the map", training: "the training strip" };
const TOLD = 6000; // ms that a word on what is saved stays

function build(root, view) {
  view.open = el("button", { type: "button", class: "quiet", "aria-expanded": "false", "data-role": "save", onclick: () => toggle(view) }, "Save ▾");
  view.told = el("p", { role: "status" });
  const close = el("button", { type: "button", class: "close", "aria-label": "Dismiss", onclick: () => tell(view, "") }, "×");
  const outcome = el("div", { class: "menu outcome" }, view.told, close);
  const rows = Object.entries(PICTURES).map(([name, words]) => {
    const button = (kind) => el("button", { type: "button", "data-save": `${name}.${kind}`, onclick: () => take(view, name, kind) }, kind.toUpperCase());
    return el("div", { class: "row" }, el("span", {}, words), button("png"), button("svg"));
  });
  view.files = el("div", { class: "files" });
  view.tell = (text, stays) => tell(view, text, stays);
  view.menu = el("div", { class: "menu", role: "group", "aria-label": "Save a picture or a file", hidden: true }, el("h3", {}, "A picture of"), ...rows, view.files);
  root.append(view.open, el("div", { class: "drop" }, view.menu, outcome));
  const escape = (event) => {
    if (event.key !== "Escape" || view.menu.hidden) return;
    event.stopPropagation(); // one press undoes one thing
    shut(view);
  };
  window.addEventListener("keydown", escape, true); // wherever the focus is
  view.cleanups.push(() => window.removeEventListener("keydown", escape, true));
  listen(view, "pointerdown", (event) => !event.composedPath().includes(root) && toggle(view, false));
}

function toggle(view, open = view.menu.hidden) {
  view.menu.hidden = !open;
  view.open.setAttribute("aria-expanded", String(open));
}

async function take(view, name, kind) {
  const colours = { text: property(view, "--st-text-color"), background: property(view, "--st-background-color") };
  const about = { lines: view.data.caption, colours, font: property(view, "--st-font") };
  const done = await savePicture(name, kind, about);
  if (done) shut(view);
  tell(view, done ? "The picture is saved." : `There is no picture of ${PICTURES[name]} at present.`, !done);
}

/** The menu has done its work once a download begins; the focus stays on what is still there. */
function shut(view) {
  if (view.menu.contains(focusedElement())) view.open.focus();
  toggle(view, false);
}

/** Says what is done, for a while; or, until it is dismissed or something else is asked for, what is not. */
function tell(view, text, stays = false) {
  write(view.told, text);
  clearTimeout(view.telling);
  if (text && !stays) view.telling = setTimeout(() => tell(view, ""), TOLD);
}

/** The rows of files are made anew only when they are others. */
function drawFiles(view) {
  const key = JSON.stringify(view.data.files);
  if (view.filesKey === key) return;
  view.filesKey = key;
  view.files.replaceChildren(el("h3", {}, "A file of"), ...fileRows(view, view.tell));
}

export default function (component) {
  const view = viewOf(component, build);
  view.root.dataset.panel = "save";
  drawFiles(view);
  takeFile(view, view.tell).then((saved) => saved && shut(view));
  return cleanup(component);
}
