// Receives the sources of all components once and turns them into modules, so that a keystroke carries numbers
// only. Each mounted component is a stub that looks here for its module (see _assets.py).

const shelf = (window.gptscopeModules ??= new Map());

const IMPORT = /^(import [^"\n]* from )"(\.[^"\n]+)";$/gm; // in the one form that the scripts use

/**
 * Returns what a script imports, as it spells it. (The tests hold this against a parser, for every script.)
 * @param {string} text
 */
export function importsOf(text) {
  return [...text.matchAll(IMPORT)].map((found) => found[2]);
}

/**
 * Returns a URL under which the browser can import the script at `path`, and before it all that this one imports.
 * @param {string} path
 * @param {Record<string, string>} scripts
 * @param {Map<string, string>} urls
 * @returns {string}
 */
function urlOf(path, scripts, urls) {
  if (!urls.has(path)) {
    const text = scripts[path].replace(IMPORT, (_, names, wanted) => {
      const imported = new URL(wanted, `file:///${path}`).pathname.slice(1);
      return `${names}"${urlOf(imported, scripts, urls)}";`;
    });
    const named = `${text}\n//# sourceURL=gptscope/${path}`;
    urls.set(path, URL.createObjectURL(new Blob([named], { type: "text/javascript" })));
  }
  return /** @type {string} */ (urls.get(path));
}

function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

/** The function that the stubs call: a component's module, in its styles if it has some. */
function mountOf(module, sheets) {
  if (!sheets) return module.default;
  return (component) => {
    const { parentElement } = component;
    if (parentElement.adoptedStyleSheets.at(-1) !== sheets.at(-1)) parentElement.adoptedStyleSheets = sheets;
    return module.default(component);
  };
}

/** Takes no room on the page, as dom.js does for others; a script that loads the others imports none. */
function hide(parentElement) {
  const container = parentElement.closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none";
}

/** A file dragged onto the page opens the place that takes it; dropped elsewhere, the browser would leave the page. */
function takeFiles(selector) {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  let clicked = -Infinity;
  window.addEventListener("dragenter", (event) => {
    if (!isFile(event) || document.querySelector('[role="dialog"]') || event.timeStamp - clicked < 2000) return;
    clicked = event.timeStamp;
    document.querySelector(selector)?.click();
  });
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => isFile(event) && event.preventDefault());
  }
}

/**
 * Streamlit tells the page around it how its runs go. Where there is none it tells itself, and holds the sender against
 * patterns of addresses before it drops the message: some milliseconds a key.
 */
function hearNoEcho() {
  if (window.parent !== window) return;
  const drop = (event) => event.source === window && event.data?.type === "SCRIPT_RUN_STATE_CHANGED" && event.stopImmediatePropagation();
  window.addEventListener("message", drop, { capture: true });
}

export default async function (component) {
  const { version, scripts, shared, styles, drop } = component.data;
  hide(component.parentElement);
  if (window.gptscopeVersion === version) return; // runs again with each change of theme
  if (!window.gptscopeVersion) hearNoEcho();
  if (drop && !window.gptscopeVersion) takeFiles(drop);
  window.gptscopeVersion = version;
  const urls = new Map();
  const sharedSheets = shared.map(sheet);
  const load = async ([name, style]) => {
    const module = await import(urlOf(`${name}/${name}.js`, scripts, urls));
    return [name, mountOf(module, style === null ? null : [...sharedSheets, sheet(style)])];
  };
  const loaded = await Promise.all(Object.entries(styles).map(load));
  for (const [name, mount] of loaded) shelf.set(name, mount);
  window.dispatchEvent(new Event("gptscope:ready"));
}
