// What is remarkable on the prompt: sentences by kind, each with buttons that lead to what it tells of.

import { el, put, write } from "../shared/dom.js";
import { segments } from "../shared/segments.js";
import { report } from "../shared/sending.js";
import { cleanup, viewOf } from "../shared/view.js";
import { fileRows, takeFile } from "../save/files.js";

function build(root, view) {
  root.classList.add("card");
  view.files = el("div", { class: "files push" });
  view.told = el("span", { class: "soft", role: "status" });
  view.box = el("div", { class: "box scroll" });
  view.note = el("p", { class: "soft note" });
  view.orders = el("span", {});
  root.append(el("header", {}, el("h2", {}, "Remarkable on this prompt"), view.orders, view.told, view.files), view.box);
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-kind]");
    if (!button) return;
    const { kind, group, index } = button.dataset;
    report(view, { kind, group: Number(group), index: Number(index) });
  });
}

function line({ sentence, head, kind, amount }, group, index) {
  const to = (way, word, about) => el("button", { type: "button", class: way === "form" ? "quiet dots" : "quiet", "data-kind": way, "data-group": group, "data-index": index, "aria-label": `${about}: ${sentence}`, title: about }, word);
  return el("li", { "data-role": "finding" }, el("span", { class: "amount number" }, amount), el("span", { class: "said" }, kind ? el("span", { class: "kind" }, kind) : null, el("span", { class: "sentence" }, sentence.replaceAll(" %", "\u00a0%"))), el("span", { class: "to" }, head ? to("head", `${head.join(".")}`, "its card") : null, head ? to("form", "…", "more changes of this head, in its card") : null, to("explore", "Explore", "show it on Explore")));
}

function section({ title, found }, group) {
  const list = found.length ? el("ol", {}, ...found.map((each, index) => line(each, group, index))) : el("p", { class: "soft" }, "Nothing here.");
  return el("section", {}, title ? el("h3", {}, title) : null, list);
}

export default function (component) {
  const view = viewOf(component, build);
  const { groups, note, files } = view.data;
  put(view.root, "data-panel", "findings");
  if (!view.choice) {
    view.choice = segments("Order", view.data.orders, (order) => report(view, { kind: "order", order }));
    view.orders.append(view.choice.node);
  }
  view.choice.choose(view.data.order);
  const key = JSON.stringify(groups);
  if (view.key !== key) {
    view.key = key;
    view.box.replaceChildren(...groups.map(section), view.note);
  }
  write(view.note, note);
  const tell = (text) => write(view.told, text);
  if (view.filesKey !== JSON.stringify(files)) {
    view.filesKey = JSON.stringify(files);
    view.files.replaceChildren(...fileRows(view, tell));
  }
  takeFile(view, tell);
  return cleanup(component);
}
