// A menu that saves pictures of the page.

import { property } from "../shared/colours.js";
import { el, write } from "../shared/dom.js";
import { savePicture } from "../shared/pictures.js";
import { cleanup, listen, viewOf } from "../shared/view.js";

const PICTURES = { stage: "the tensor", map: "the map", training: "the training strip" };
const TOLD = 2500; // ms that a word on what was done stays

function build(root, view) {
  view.open = el("button", { type: "button", class: "quiet", "aria-expanded": "false", "data-role": "save", onclick: () => toggle(view) }, "Save ▾");
  view.told = el("p", { class: "told", role: "status" });
  const rows = Object.entries(PICTURES).map(([name, words]) => {
    const button = (kind) => el("button", { type: "button", "data-save": `${name}.${kind}`, onclick: () => take(view, name, kind) }, kind.toUpperCase());
    return el("div", { class: "row" }, el("span", {}, words), button("png"), button("svg"));
  });
  view.menu = el("div", { class: "menu", role: "group", "aria-label": "Save a picture", hidden: true }, el("h3", {}, "A picture of"), ...rows, view.told);
  root.append(view.open, view.menu);
  root.addEventListener("keydown", (event) => event.key === "Escape" && toggle(view, false));
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
  write(view.told, done ? "The picture is saved." : `There is no picture of ${PICTURES[name]} at present.`);
  clearTimeout(view.telling);
  view.telling = setTimeout(() => write(view.told, ""), TOLD);
}

export default function (component) {
  const view = viewOf(component, build);
  view.root.dataset.panel = "save";
  return cleanup(component);
}
