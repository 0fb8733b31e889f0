// Where the page is, as the server last told it, and what stands in the box: enough for any server to show it again.

const PATIENCE = 4000; // ms after which an answer is late

const here = {
  origin: "", // the session and the model
  state: "", // query parameters
  /** @type {string | null} */
  text: null, // what stands in the box; null where there is none
  note: "", // a sentence to tell over the page
};
let newest = 0; // the number of the newest report
let late = 0; // the timer

/** Returns the session's part of an origin. */
export function sessionOf(origin) {
  return origin.split(".")[0];
}

/** Returns where the page is. */
export function whereabouts() {
  return { ...here };
}

/**
 * Takes down what the server has told.
 * @param {string} origin
 * @param {string} state
 */
export function tellHere(origin, state) {
  if (sessionOf(origin) !== sessionOf(here.origin)) settle(); // what was reported to another session is lost
  if (origin !== here.origin && here.note) tellNote(""); // it was of the model before
  Object.assign(here, { origin, state });
  window.dispatchEvent(new Event("gptscope:here"));
}

/**
 * Takes down what stands in the box.
 * @param {string | null} text
 */
export function tellBox(text) {
  here.text = text;
}

/**
 * Has a sentence told over the page; "" takes it away.
 * @param {string} note
 */
export function tellNote(note) {
  here.note = note;
  window.dispatchEvent(new Event("gptscope:note"));
}

/**
 * Waits for the answer to a report: "gptscope:late" tells that there is none.
 * @param {number} seq - its number
 */
export function sent(seq) {
  newest = Math.max(newest, seq);
  late ||= setTimeout(tellLate, PATIENCE);
}

function tellLate() {
  late = setTimeout(tellLate, PATIENCE);
  window.dispatchEvent(new Event("gptscope:late"));
}

/**
 * Ends the waiting if the newest report has come.
 * @param {number} seq - the number of the newest report that has come
 */
export function answered(seq) {
  if (seq >= newest) settle();
}

function settle() {
  clearTimeout(late);
  late = 0;
}
