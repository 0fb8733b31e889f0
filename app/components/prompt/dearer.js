// What the changes of the run add to the loss of each token: a bar behind its chip, and words.

const BAR = 12; // px of the highest bar of a loss
const LEAST = 0.5; // nats of the highest bar at least, so that noise stays low

/** Returns how many nats the highest bar is. */
export function highestOf({ data }) {
  return Math.max(LEAST, ...(data.dearer ?? []).filter(Number.isFinite).map(Math.abs));
}

/** Returns what the changes of the run add to the loss of this token, which the one before it foretells; null where unknown. */
export function lossOf({ data }, token) {
  const more = data.dearer?.[token - data.cropped - 1];
  return Number.isFinite(more) ? more : null;
}

/** Says it in words. */
export function lossWords(view, more) {
  return `its loss ${more < 0 ? "−" : "+"}${Math.abs(more).toFixed(3)} nats by the changes of the run; the highest bar is ${view.highest.toFixed(2)}`;
}

/** Draws a bar below the token: in one colour where it became dearer, in another where it became cheaper. */
export function drawLoss(view, chip, more) {
  const share = more === null ? 0 : Math.abs(more) / view.highest;
  chip.classList.toggle("dearer", more !== null && more > 0);
  chip.classList.toggle("cheaper", more !== null && more < 0);
  if (more === null) delete chip.dataset.loss;
  else chip.dataset.loss = String(more);
  chip.style.setProperty("--loss", `${Math.round(BAR * share)}px`);
}
