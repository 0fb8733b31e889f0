// Keeps the words of source files for the code panel: sent once per page, not with every change of the highlight.

export default function (component) {
  const { name, lines } = component.data;
  (window.gptscopeListings ??= new Map()).set(name, lines);
  const container = component.parentElement.host.closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none"; // no room, and no gap, on the page
  window.dispatchEvent(new Event("gptscope:listing"));
}
