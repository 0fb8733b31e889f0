// The map of the model in two forms of the same nodes: strips of tensors, one column a token, or a diagram.

import { el } from "../shared/dom.js";
import { onLight } from "../shared/lit.js";
import { offerPicture } from "../shared/pictures.js";
import { cleanup, painted, viewOf } from "../shared/view.js";
import { chooseLook, segments } from "../shared/segments.js";
import { buildDiagram, drawDiagram, lightNodes } from "./diagram.js";
import { diagramPicture } from "./node_pictures.js";
import { buildPlaying, tellStep } from "./playing.js";
import { buildSearch } from "./search.js";
import { stripsPicture } from "./strips_picture.js";
import { drawOver } from "./strip_drawing.js";
import { buildStrips, drawStrips, lightLines } from "./strips.js";

const FORMS = { tensors: "Tensors", diagram: "Diagram" };

function build(root, view) {
  root.classList.add("card");
  root.dataset.role = "map";
  view.lit = { lit: [], feeds: [] };
  view.feeding = [];
  view.forms = segments("Form of the map", FORMS, (form) => chooseLook(view, "form", form));
  buildPlaying(view);
  buildSearch(view);
  root.append(el("header", {}, el("h2", {}, "Map"), view.forms.node, view.search, view.play));
  buildStrips(view);
  buildDiagram(view);
  root.append(view.meaning, view.telling);
  view.redraw = () => draw(view);
  onLight(view, (ids, why, parts) => {
    view.lit[why] = ids;
    if (why === "feeds") {
      view.feeding = parts;
      drawOver(view);
    }
    lightAll(view, why);
  });
  offerPicture(view, "map", () => (view.data.form === "tensors" ? stripsPicture(view) : diagramPicture(view)));
}

function draw(view) {
  if (view.data.form === "tensors") drawStrips(view);
  else drawDiagram(view);
  lightAll(view, "feeds"); // also on what is drawn anew
}

function lightAll(view, why) {
  (view.data.form === "tensors" ? lightLines : lightNodes)(view, view.lit[why], why);
}

export default function (component) {
  const view = viewOf(component, build);
  const tensors = view.data.form === "tensors";
  view.forms.choose(view.data.form);
  // The other form is taken away: each node of the page is there once.
  const [shown, other] = tensors ? [view.strips, view.diagram] : [view.diagram, view.strips];
  other.remove();
  if (!tensors) view.meaning.hidden = true; // the diagram has no margins
  if (!shown.isConnected) view.meaning.before(shown);
  draw(view);
  for (const how of ["changed", "off"]) (tensors ? lightLines : lightNodes)(view, view.data[how] ?? [], how);
  tellStep(view);
  painted(view, "map");
  view.root.dataset.ready = "true";
  return cleanup(component);
}
