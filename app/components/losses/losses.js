// A prompt as training sees it: lines of positions, each with its input, its target, and how well it was guessed.

import { ramp } from "../shared/colours.js";
import { el } from "../shared/dom.js";
import { percent, short } from "../shared/numbers.js";
import { onResize, spaceOf } from "../shared/size.js";
import { visible } from "../shared/text.js";
import { cleanup, painted, viewOf } from "../shared/view.js";

const NAMES = ["input", "target", "loss, nats", "p(target)", "its rank", "most probable"];
const LEVELS = 256;
const CELL = { least: 78, most: 132, perCharacter: 10.5, around: 22 }; // px
const NAMES_WIDTH = 104; // px

function build(root, view) {
  view.facts = el("div", { class: "facts" });
  view.scale = el("canvas", { class: "ramp", width: LEVELS, height: 1, "aria-hidden": "true" });
  view.blind = el("span", { class: "number" });
  const legend = el("div", { class: "legend soft" }, el("span", { class: "number" }, "0 nats"), view.scale, view.blind);
  view.lines = el("div", { class: "lines", role: "list", "aria-label": "Positions of the run, with their losses" });
  root.append(el("div", { class: "above" }, view.facts, legend), view.lines);
  view.redraw = () => draw(view);
  onResize(view, view.lines, () => draw(view));
}

function chance(probability) {
  return typeof probability === "string" ? short(probability) : percent(probability);
}

/** Three places, so that numbers of a line can be compared at a glance; a huge one has none left to compare. */
function nats(loss) {
  if (typeof loss === "string" || loss >= 1000) return short(loss);
  return loss > 0 && loss < 0.0005 ? "< 0.001" : loss.toFixed(3);
}

/** The colour of a loss, and whether dark text can be read on it. */
function colourOf(view, loss) {
  const share = typeof loss === "string" ? 1 : Math.min(1, loss / view.data.blind);
  const pixel = ramp(view, "--gs-sequential", LEVELS)[Math.round(share * (LEVELS - 1))];
  const [r, g, b] = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  return { fill: `rgb(${r} ${g} ${b})`, tone: 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "light" : "dark" };
}

function chip(label, index) {
  return el("span", { class: "chip", "data-hue": index % 4 }, visible(label));
}

function told(position) {
  const { token, target, loss, probability, rank, best, best_probability } = position;
  const first = `after ${visible(token)} the model gave most to ${visible(best)}: ${best_probability}`;
  return target === null ? first : `${first}; to the right one, ${visible(target)}: ${probability}, rank ${rank}, loss ${loss} nats`;
}

function cell(name, content) {
  return el("span", { class: `cell ${name}` }, content);
}

function column(view, position, index) {
  const { token, target, loss, probability, rank, best, best_probability, missing } = position;
  const known = target !== null;
  const strip = cell("strip number", known ? nats(loss) : "");
  if (known) {
    const { fill, tone } = colourOf(view, loss);
    strip.style.background = fill;
    strip.dataset.tone = tone;
  }
  const won = known && rank === 1;
  const winner = el("span", { class: "winner" }, visible(best), el("small", { class: "number" }, chance(best_probability)));
  return el(
    "div",
    {
      class: known ? "guess" : "guess unknown",
      role: "listitem",
      "data-role": "guess",
      "data-position": index,
      "data-loss": known ? loss : "",
      "data-probability": known ? probability : "",
      "data-rank": known ? rank : "",
      "aria-label": told(position),
      title: known ? told(position) : `${missing}; ${told(position)}`,
    },
    cell("input", chip(token, index)),
    cell("target", known ? chip(target, index + 1) : "–"),
    strip,
    cell("p number", known ? chance(probability) : ""),
    cell("rank number", known ? `${rank}` : ""),
    cell("best", won ? el("span", { class: "won" }, "✓") : winner),
  );
}

function names() {
  return el("div", { class: "names soft", "aria-hidden": "true" }, ...NAMES.map((name) => cell("", name)));
}

function draw(view) {
  const { positions } = view.data;
  const longest = Math.max(...positions.map(({ token, best }) => Math.max(token.length, best.length)));
  const wide = Math.min(CELL.most, Math.max(CELL.least, longest * CELL.perCharacter + CELL.around));
  const each = Math.max(1, Math.floor((spaceOf(view, view.lines).width - NAMES_WIDTH) / wide));
  view.root.style.setProperty("--cell", `${wide}px`);
  const columns = positions.map((position, index) => column(view, position, index));
  const lines = [];
  for (let first = 0; first < columns.length; first += each) {
    lines.push(el("div", { class: "line" }, names(), ...columns.slice(first, first + each)));
  }
  view.lines.replaceChildren(...lines);
  drawScale(view);
}

function drawScale(view) {
  const image = new ImageData(LEVELS, 1);
  new Uint32Array(image.data.buffer).set(ramp(view, "--gs-sequential", LEVELS));
  view.scale.getContext("2d").putImageData(image, 0, 0);
  view.blind.textContent = `${view.data.blind.toFixed(2)} = ln V, a blind guess`;
}

function fact(value, name) {
  return el("div", { class: "fact" }, el("b", { class: "number" }, value), el("span", { class: "soft" }, name));
}

export default function (component) {
  const view = viewOf(component, build);
  const { positions, mean, perplexity } = view.data;
  const asked = positions.filter(({ target }) => target !== null).length;
  view.root.dataset.mean = mean;
  view.facts.replaceChildren(
    fact(String(asked), asked === 1 ? "example in one forward pass" : "examples in one forward pass"),
    fact(asked ? nats(mean) : "–", "mean loss, nats"),
    fact(asked ? short(perplexity) : "–", "perplexity, e to that"),
  );
  draw(view);
  painted(view, "losses");
  return cleanup(component);
}
