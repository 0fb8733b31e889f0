// What the reader looks at, in one place; whoever draws hears of each change.

/**
 * @typedef {object} Here
 * @property {string} selected - the tensor on the stage
 * @property {number} head
 * @property {number} layer - the block whose heads are told of
 * @property {number | null} lock - the position that is locked
 * @property {number | null} hover - the position that is pointed at
 * @property {Set<string>} open - the containers whose insides are seen
 */

/** @type {any} */
export const data = JSON.parse(document.getElementById("data")?.textContent ?? "null");

export const T = data.tokens.length;
export const nodes = new Map(data.nodes.map((node) => [node.id, node]));

/** @type {Here} */
export const here = { selected: "", head: 0, layer: 0, lock: null, hover: null, open: new Set() };

/** @type {((changed: Set<string>) => void)[]} */
const hearers = [];

/** @param {(changed: Set<string>) => void} hear */
export function onChange(hear) {
  hearers.push(hear);
}

/** @param {Partial<Here>} parts */
export function change(parts) {
  const changed = new Set(Object.keys(parts).filter((name) => here[name] !== parts[name]));
  if (!changed.size) return;
  Object.assign(here, parts);
  for (const hear of hearers) hear(changed);
}

/** Draws all anew: in other colours, or another size. */
export function refresh() {
  for (const hear of hearers) hear(new Set(["look"]));
}

/** The position whose prediction is told: the locked one, else the last. */
export function position() {
  return here.lock ?? T - 1;
}

/** @param {number} at */
export function toggleLock(at) {
  change({ lock: here.lock === at ? null : at });
}

/** Locks the neighbour; from the last position, if none is locked. */
export function walk(step) {
  change({ lock: Math.min(T - 1, Math.max(0, position() + (here.lock === null && step > 0 ? 0 : step))) });
}

/**
 * Shows a tensor, and opens what it stands in.
 * @param {string} id
 * @param {number} head
 */
export function select(id, head = here.head) {
  const node = nodes.get(id);
  if (!node) return;
  const open = new Set(here.open);
  for (let name = node.parent; name; name = nodes.get(name).parent) open.add(name);
  const same = open.size === here.open.size; // what is open already is not drawn again
  change({ selected: id, head, layer: node.layer ?? here.layer, open: same ? here.open : open });
}
