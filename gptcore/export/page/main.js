// Begins: unpacks the tensors and draws the parts of the page.

import { change, data, here, nodes, refresh, select, walk } from "./state.js";
import { el } from "./numbers.js";
import { flat, holds, unpackAll } from "./stores.js";
import { forgetColours } from "./colours.js";
import { placeTip } from "./tip.js";
import { drawFacts } from "./facts.js";
import { drawChips } from "./chips.js";
import { drawMap } from "./map.js";
import { drawStage } from "./stage.js";
import { drawHeads } from "./heads.js";
import { drawAfter, unpackLikely } from "./after.js";

async function start() {
  if (!("DecompressionStream" in window)) {
    document.body.append(el("p", {}, "This browser is too old to unpack the tensors of this page: take one of 2023 or later."));
    return;
  }
  await unpackAll();
  await unpackLikely();
  const part = (name, tag = "section") => el(tag, { class: `${name} card`, "aria-label": name });
  const [head, prompt, map, stage] = [el("div", { class: "facts" }), el("div", { class: "prompt" }), part("map"), part("stage")];
  const [next, lens, heads, reads] = ["next tokens", "logit lens", "heads", "reads"].map((name) => el("section", { class: "card", "data-part": name, "aria-label": name }));
  document.body.append(el("header", { class: "top" }, head, prompt), el("main", {}, map, stage, el("div", { class: "after" }, next, lens, heads, reads)));
  placeTip();
  select(first());
  drawFacts(head);
  drawChips(prompt);
  drawMap(map);
  drawStage(stage);
  drawAfter(next, lens);
  drawHeads(heads, reads);
  document.addEventListener("keydown", pressed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forgetColours();
    refresh();
  });
  // for whoever opens the console: what there is, all numbers of a tensor without B, and the stage
  const names = () => [...nodes.keys()].filter(holds);
  Object.assign(window, { gptscope: { names, shape: (name) => data.views[name].shape, numbers: flat, select } });
  document.body.dataset.ready = "true";
}

/** The tensor that one sees first: the attention of the first block, or what there is. */
function first() {
  const there = data.nodes.filter(({ id }) => holds(id));
  const found = ["pattern", "residual"].map((wanted) => there.find(({ role }) => role === wanted));
  return (found.find((node) => node) ?? there[0] ?? data.nodes[0]).id;
}

function pressed(event) {
  if (event.key === "Escape" && here.lock !== null) change({ lock: null });
  else if (event.target === document.body && (event.key === "ArrowLeft" || event.key === "ArrowRight")) walk(event.key === "ArrowLeft" ? -1 : 1);
}

start();
