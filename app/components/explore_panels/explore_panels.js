// All panels that a key draws again, side by side. Each panel is a component of its own that knows nothing of this one:
// it gets a shadow root, its part of the data, and what it reports goes on under its name.

import { answered, sent, tellHere } from "../shared/here.js";
import { whenGone } from "../shared/view.js";
import { showTab, tabsOf, tellLikeliest } from "./tabs.js";

const STAGES = new WeakMap(); // shadow root -> stage
const SHARED = new Set(["follow", "look", "explain"]); // what several panels report, each under this one name
const COLUMNS = { node: "stage", explanation: "stage", first_look: "stage", matrix: "stage", heads: "stage", code: "stage", prediction: "after", lens: "after" };
const ORDER = ["prompt", "generate", "save", "map", "stage", "change_form", "after", "changes", "timeline"]; // of the Tab key, whichever comes first
const MOST = 40; // texts kept; the oldest goes first
const kept = (window.gptscopeKept ??= new Map()); // texts that panels look up by name

function stageOf(parentElement) {
  let stage = STAGES.get(parentElement);
  if (!stage) {
    const root = document.createElement("div");
    root.className = "stage";
    root.dataset.tab = "stage";
    root.append(tabsOf(root));
    parentElement.append(root);
    stage = { root, hosts: new Map(), undo: new Map(), data: null, parts: new Map() };
    STAGES.set(parentElement, stage);
  }
  return stage;
}

/** The element that a panel stands in: some stand together in a column. */
function columnOf(stage, name) {
  const column = COLUMNS[name];
  if (column === undefined) return stage.root;
  let found = stage.root.querySelector(`:scope > [data-column="${column}"]`);
  if (!found) {
    found = document.createElement("div");
    found.dataset.column = column;
    putIn(stage.root, found);
  }
  return found;
}

/** Puts a part in its place among the others. */
function putIn(root, part) {
  const placeOf = (each) => ORDER.indexOf(each.dataset.column ?? each.dataset.place);
  const next = [...root.children].find((other) => placeOf(other) > placeOf(part));
  root.insertBefore(part, next ?? null);
}

function hostOf(stage, name) {
  if (!stage.hosts.has(name)) {
    const host = document.createElement("div");
    host.dataset.place = name;
    host.attachShadow({ mode: "open" });
    const column = columnOf(stage, name);
    if (column === stage.root) putIn(column, host);
    else column.append(host);
    stage.hosts.set(name, host);
  }
  return stage.hosts.get(name);
}

/** Each panel's data; the very same objects as long as nothing new was sent, by which panels tell a change of theme. */
function partsOf(stage, data) {
  if (stage.data === data) return stage.parts;
  stage.data = data;
  answered(data.heard);
  tellHere(data.origin, data.state);
  const common = { step: data.step, origin: data.origin, prompt: data.panels.prompt }; // its tokens are every panel's
  stage.parts = new Map(Object.entries(data.panels).map(([name, part]) => [name, { ...common, ...part }]));
  for (const [key, array] of Object.entries(data)) {
    const [name, field] = key.split(".");
    if (field !== undefined) stage.parts.get(name)[field] = array;
  }
  return stage.parts;
}

/**
 * Tells the server which texts need not come again, together with what is reported. They are thrown away only here:
 * what was told to be there has to be there when the answer comes.
 */
function tellKept(stage, component) {
  while (kept.size > MOST) kept.delete(kept.keys().next().value);
  const names = [...kept.keys()];
  if (stage.told === names.join()) return;
  stage.told = names.join();
  component.setStateValue("kept", names);
}

/** Takes away the panels that are no longer sent. */
function leave(stage, wanted) {
  for (const [name, host] of stage.hosts) {
    if (wanted.has(name)) continue;
    host.remove();
    stage.hosts.delete(name);
    stage.undo.get(name)?.();
    stage.undo.delete(name);
  }
}

export default function (component) {
  const { data, parentElement } = component;
  const stage = stageOf(parentElement);
  for (const [name, text] of Object.entries(data.kept)) kept.set(name, text);
  const parts = partsOf(stage, data);
  const film = String(parts.get("heads")?.shown ?? false);
  Object.assign(stage.root.dataset, { width: data.width, plot: data.plot, film, changes: parts.has("changes"), undone: parts.get("changes")?.listed.length === 0, form: parts.has("change_form") });
  tellLikeliest(stage.root, parts.get("prediction")?.rows ?? []);
  leave(stage, parts);
  for (const [name, part] of parts) {
    const mount = /** @type {Mount} */ (window.gptscopeModules.get(name)); // all are there before any is mounted
    const parent = hostOf(stage, name).shadowRoot;
    const setStateValue = (field, value) => {
      tellKept(stage, component);
      sent(value.seq);
      component.setStateValue(SHARED.has(field) ? field : name, { ...value, origin: data.origin });
    };
    if (!stage.undo.has(name)) showTab(stage.root);
    stage.undo.set(name, mount({ name, data: part, key: component.key, parentElement: parent, setStateValue }));
  }
  return whenGone(component, () => {
    leave(stage, new Map());
    stage.root.remove();
    STAGES.delete(parentElement);
  });
}
