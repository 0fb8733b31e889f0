// Receives the sources of all components once, as one script (see _bundle.py), so that a keystroke carries numbers only.
// Each mounted component is a stub that looks here for its module (see _assets.py).

const shelf = (window.gptscopeModules ??= new Map());

function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

/** The function that the stubs call: a component's own, in its styles if it has some. */
function mountOf(mount, sheets) {
  if (!sheets) return mount;
  return (component) => {
    const { parentElement } = component;
    if (parentElement.adoptedStyleSheets.at(-1) !== sheets.at(-1)) parentElement.adoptedStyleSheets = sheets;
    return mount(component);
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
  const { version, script, shared, styles, drop } = component.data;
  hide(component.parentElement);
  if (window.gptscopeVersion === version) return; // runs again with each change of theme
  if (!window.gptscopeVersion) hearNoEcho();
  if (drop && !window.gptscopeVersion) takeFiles(drop);
  window.gptscopeVersion = version;
  const named = `${script}\n//# sourceURL=gptscope/scripts.js`;
  const address = URL.createObjectURL(new Blob([named], { type: "text/javascript" }));
  const { default: exported } = await import(address);
  const sharedSheets = shared.map(sheet);
  for (const [name, style] of Object.entries(styles)) {
    const sheets = style === null ? null : [...sharedSheets, sheet(style)];
    shelf.set(name, mountOf(exported[`${name}/${name}.js`].default, sheets));
  }
  window.dispatchEvent(new Event("gptscope:ready"));
}
