// Costs against T: below what grows with T or not at all, on top the part with T², and where it is now.

import { amount } from "../shared/amounts.js";
import { el, svg, write } from "../shared/dom.js";
import { onResize, spaceOf } from "../shared/size.js";
import { wordsOf } from "./words.js";

const PADDING = 24; // px of the box, at both sides together
const HIGH = 118;
const LEFT = 62;
const RIGHT = 8;
const TOP = 8;
const FLOOR = HIGH - 20;

export function buildCurves(view) {
  view.plots = [];
  view.curves = el("div", { class: "all" });
  onResize(view, view.curves, () => drawCurves(view));
  const legend = el("span", { class: "legend push soft" }, el("i", { class: "square" }), "with T²", el("i", { class: "rest" }), "the rest");
  return el("section", { class: "card curves" }, el("header", {}, el("h2", {}, "With more tokens"), legend), view.curves);
}

function makePlot() {
  const made = {
    title: el("h3", {}),
    drawing: svg("svg", { height: HIGH, role: "img" }),
    sentence: el("p", {}),
    rest: svg("path", { class: "rest" }),
    square: svg("path", { class: "square" }),
    now: svg("path", { class: "now" }),
    axis: svg("path", { class: "axis" }),
    most: svg("text", { x: LEFT - 5, y: TOP + 10, "text-anchor": "end" }),
    zero: svg("text", { x: LEFT - 5, y: FLOOR, "text-anchor": "end" }, "0"),
    here: svg("text", { y: HIGH - 5, "text-anchor": "middle" }),
    end: svg("text", { y: HIGH - 5, "text-anchor": "end" }),
  };
  made.drawing.append(made.rest, made.square, made.axis, made.now, made.most, made.zero, made.here, made.end);
  made.node = el("figure", {}, made.title, made.drawing, el("figcaption", {}, made.sentence));
  return made;
}

function drawPlot(view, plot, curve) {
  const end = spaceOf(view, view.curves).width - PADDING - RIGHT;
  const { T, rest, square, now, unit, title } = curve;
  const last = T[T.length - 1];
  const most = Math.max(...T.map((_, i) => rest[i] + square[i])) || 1;
  const x = (each) => (LEFT + ((end - LEFT) * each) / last).toFixed(1);
  const y = (value) => (FLOOR - ((FLOOR - TOP) * value) / most).toFixed(1);
  const line = (values) => values.map((value, i) => `${x(T[i])} ${y(value)}`);
  const below = line(rest);
  const above = line(rest.map((value, i) => value + square[i]));
  plot.axis.setAttribute("d", `M${LEFT} ${TOP}V${FLOOR}H${end}`);
  plot.end.setAttribute("x", String(end));
  plot.rest.setAttribute("d", `M${x(T[0])} ${FLOOR}L${below.join("L")}L${x(last)} ${FLOOR}Z`);
  plot.square.setAttribute("d", `M${above.join("L")}L${[...below].reverse().join("L")}Z`);
  plot.now.setAttribute("d", `M${x(now)} ${TOP}V${FLOOR + 4}`);
  const near = now > 0.72 * last;
  plot.here.setAttribute("x", String(near ? end : Math.max(LEFT + 24, Number(x(now)))));
  plot.here.setAttribute("text-anchor", near ? "end" : "middle");
  write(plot.title, title);
  write(plot.here, `T = ${now.toLocaleString("en-US")}`);
  write(plot.end, near ? "" : last.toLocaleString("en-US"));
  write(plot.most, amount(most, unit));
  plot.drawing.setAttribute("aria-label", `${title} from 1 to ${last} tokens, at most ${amount(most, unit)}`);
  const at = T.indexOf(now);
  Object.assign(plot.node.dataset, { rest: rest[at], square: square[at], now });
  plot.sentence.replaceChildren(...wordsOf(view, curve.sentence));
}

export function drawCurves(view) {
  const { curves } = view.data;
  while (view.plots.length < curves.length) {
    view.plots.push(makePlot());
    view.curves.append(view.plots.at(-1).node);
  }
  curves.forEach((curve, i) => drawPlot(view, view.plots[i], curve));
}
