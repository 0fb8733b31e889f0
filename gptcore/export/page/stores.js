// The tensors: unpacked once, then read number by number.

import { data, nodes } from "./state.js";

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array };
const unpacked = new Map(); // the numbers by the tensor that they are stored for

/** Unpacks the numbers of all tensors. */
export async function unpackAll() {
  for (const [name, store] of Object.entries(data.stores)) unpacked.set(name, await unpack(store));
}

/**
 * Returns the numbers of a text: base64, of a zlib stream, of the first bytes of all numbers, then the second ones...
 * @param {{kind: string, text: string}} store
 * @returns {Promise<any>}
 */
export async function unpack({ kind, text }) {
  const Type = TYPES[kind];
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = Type.BYTES_PER_ELEMENT;
  const count = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let k = 0; k < size; k++) for (let i = 0; i < count; i++) bytes[i * size + k] = planes[k * count + i];
  return new Type(bytes.buffer);
}

/** True where the page holds the tensor. */
export function holds(name) {
  return name in data.views;
}

/** True where two tensors are the very same numbers. */
export function same(one, other) {
  return holds(one) && holds(other) && JSON.stringify(data.views[one]) === JSON.stringify(data.views[other]);
}

/** All numbers of a tensor in the order of its indices, without B. */
export function flat(name) {
  const { store, offset, shape, strides } = data.views[name];
  const numbers = unpacked.get(store);
  const found = [];
  const visit = (axis, at) => {
    if (axis === shape.length) found.push(numbers[at]);
    else for (let i = 0; i < shape[axis]; i++) visit(axis + 1, at + i * strides[axis]);
  };
  visit(0, offset);
  return found;
}

/**
 * A tensor as a matrix in which each column is a token: of one head, where it has heads. Of queries and keys, rows are
 * the queries.
 * @param {string} name
 * @param {number} head
 */
export function matrixOf(name, head) {
  const { store, offset, shape, strides } = data.views[name];
  const numbers = unpacked.get(store);
  const letters = nodes.get(name).axes.filter((letter) => letter !== "B");
  const batch = letters.length < nodes.get(name).axes.length ? [data.sequence] : [];
  const before = letters[0] === "H" ? [head] : [];
  const start = offset + (before.length ? head * strides[0] : 0);
  const [[a, m, da], [b, n, db]] = lastTwo(letters, shape, strides);
  const turned = a === "T" && b !== "T" && b !== ""; // (T, C): tokens become columns
  const [rows, cols, down, across] = turned ? [n, m, db, da] : [m, n, da, db];
  const square = a === "T" && b === "T";
  const alone = letters.length - before.length === 1; // (T): one row
  return {
    name,
    rows,
    cols,
    square,
    head: before.length ? head : null,
    row: square ? "query" : turned ? b : a,
    col: square ? "key" : turned ? a : b,
    /** @param {number} row @param {number} col */
    value: (row, col) => numbers[start + row * down + col * across],
    /** @param {number} row @param {number} col */
    index: (row, col) => [...batch, ...before, ...(alone ? [col] : turned ? [col, row] : [row, col])],
  };
}

/** Letter, length and stride of the last two axes; a vector is one row. */
function lastTwo(letters, shape, strides) {
  const all = letters.map((letter, i) => [letter, shape[i], strides[i]]);
  return all.length === 1 ? [["", 1, 0], all[0]] : all.slice(-2);
}

/** The label of a token, by its id; of a large vocabulary the file knows those that it tells of. */
export function labelOf(id) {
  return data.labels[id] ?? `id ${id}`;
}

/** The label of the token at a position. */
export function tokenAt(at) {
  return labelOf(data.tokens[at]);
}
