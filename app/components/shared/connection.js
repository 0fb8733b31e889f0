// Whether the page is connected, and whether the server works for it: Streamlit writes both onto its outermost element.

const APP = '[data-testid="stApp"]';

function told(name) {
  return document.querySelector(APP)?.getAttribute(name) ?? "";
}

/** Returns true while the page has a connection, as far as the browser knows. */
export function connected() {
  return told("data-test-connection-state") === "CONNECTED" && navigator.onLine;
}

/** Returns true while the server runs something for this page, or is asked to. */
export function working() {
  return told("data-test-script-state") !== "notRunning";
}

/** Returns true while the server has said that it runs something for this page. */
export function running() {
  return told("data-test-script-state") === "running";
}

/**
 * Calls `hear` whenever the connection is lost or back.
 * @param {() => void} hear
 * @returns {() => void} what ends it
 */
export function onConnection(hear) {
  const observer = observed("data-test-connection-state", hear);
  window.addEventListener("online", hear);
  window.addEventListener("offline", hear);
  return () => {
    observer.disconnect();
    window.removeEventListener("online", hear);
    window.removeEventListener("offline", hear);
  };
}

/**
 * Calls `hear` whenever the server begins a run for this page, or ends one.
 * @param {() => void} hear
 * @returns {() => void} what ends it
 */
export function onWork(hear) {
  const observer = observed("data-test-script-state", hear);
  return () => observer.disconnect();
}

function observed(name, hear) {
  const observer = new MutationObserver(hear);
  observer.observe(/** @type {Element} */ (document.querySelector(APP)), { attributeFilter: [name] });
  return observer;
}

/** Asks the server for a sign of life, beside the connection. */
export async function answers() {
  try {
    const reply = await fetch(new URL("_stcore/health", document.baseURI), { cache: "no-store", signal: AbortSignal.timeout(3000) });
    return reply.ok;
  } catch {
    return false;
  }
}
