// What the address did not have yet when the page was reloaded: a reload opens the address of before.

const KEY = "gptscope:left";

/**
 * Keeps a state over a reload of this tab.
 * @param {string} state
 */
export function leaveBehind(state) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, state }));
  } catch {
    // where nothing may be kept, the address alone comes back
  }
}

/** Returns the state that was kept when this page was reloaded; "" where there is none, or another page was opened. */
export function takeLeft() {
  try {
    const { path, state } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    sessionStorage.removeItem(KEY);
    const [opened] = performance.getEntriesByType("navigation");
    const reloaded = opened instanceof PerformanceNavigationTiming && opened.type === "reload";
    return reloaded && path === location.pathname ? String(state) : "";
  } catch {
    return "";
  }
}
