// The prompt as chips: a click locks a token, the arrows walk, Esc lets go.

import { change, data, here, onChange, position, T, toggleLock, walk } from "./state.js";
import { el, visible } from "./numbers.js";
import { tokenAt } from "./stores.js";

export function drawChips(root) {
  const chips = data.tokens.map((id, at) => el("button", { type: "button", class: "chip", "data-token-index": at, title: `position ${at}, id ${id}` }, el("bdi", {}, visible(tokenAt(at)))));
  const said = el("span", { class: "soft", role: "status" });
  const box = el("div", { class: "chips", role: "toolbar", "aria-label": "The prompt's tokens" }, ...chips);
  root.append(box, said);
  const indexOf = (event) => Number(event.target.closest("[data-token-index]")?.dataset.tokenIndex ?? NaN);
  const onChip = (act) => (event) => Number.isNaN(indexOf(event)) || act(indexOf(event));
  box.addEventListener("click", onChip(toggleLock));
  box.addEventListener("pointerover", onChip((at) => change({ hover: at })));
  box.addEventListener("pointerleave", () => change({ hover: null }));
  box.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -T, End: T };
    if (!(event.key in steps)) return;
    event.preventDefault();
    walk(steps[event.key]);
    chips[position()].focus();
  });
  const draw = () => {
    chips.forEach((chip, at) => {
      chip.setAttribute("aria-pressed", String(at === here.lock));
      chip.classList.toggle("hover", at === here.hover);
      chip.tabIndex = at === position() ? 0 : -1;
    });
    said.textContent = here.lock === null ? "click a token to lock it" : "locked · ← → walk · Esc lets go";
  };
  onChange((changed) => {
    if (changed.has("lock") || changed.has("hover")) draw();
    if (changed.has("lock") && here.lock !== null) chips[here.lock].scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  draw();
}
