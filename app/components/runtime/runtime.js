// Receives the sources of all components once and turns them into modules, so that a keystroke carries numbers
// only. Each mounted component is a stub that looks here for its module (see _assets.py).

const shelf = (window.gptscopeModules ??= new Map());

function moduleUrl(text) {
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

async function load(name, source, sharedUrl, sharedSheets) {
  const text = source.js.replaceAll('"../shared.js"', JSON.stringify(sharedUrl));
  const module = await import(moduleUrl(`${text}\n//# sourceURL=gptscope/${name}.js`));
  const sheets = [...sharedSheets, sheet(source.css)];
  return (component) => {
    const { parentElement } = component;
    if (parentElement.adoptedStyleSheets.at(-1) !== sheets.at(-1)) parentElement.adoptedStyleSheets = sheets;
    return module.default(component);
  };
}

/** Takes no room on the page: Streamlit leaves a gap for each element that is displayed. */
function hide(parentElement) {
  const container = parentElement.closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none";
}

export default async function (component) {
  const { version, shared, css, modules } = component.data;
  hide(component.parentElement);
  if (window.gptscopeVersion === version) return; // runs again with each change of theme
  window.gptscopeVersion = version;
  const sharedUrl = moduleUrl(`${shared}\n//# sourceURL=gptscope/shared.js`);
  const sharedSheets = css.map(sheet);
  const loaded = await Promise.all(
    Object.entries(modules).map(async ([name, source]) => [name, await load(name, source, sharedUrl, sharedSheets)]),
  );
  for (const [name, mount] of loaded) shelf.set(name, mount);
  window.dispatchEvent(new Event("gptscope:ready"));
}
