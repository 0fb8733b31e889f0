// Keeps drawings for the map. A component of its own, so that Streamlit sees an unchanged message and does not send
// the drawing again when only numbers change.

const MOST = 40; // drawings kept; the oldest goes first

export default function (component) {
  const { svg, svg_key } = component.data;
  const drawings = (window.gptscopeDrawings ??= new Map());
  if (!drawings.has(svg_key) && drawings.size >= MOST) drawings.delete(drawings.keys().next().value);
  drawings.set(svg_key, svg);
  const container = component.parentElement.host.closest('[data-testid="stElementContainer"]');
  if (container) container.style.display = "none"; // no room, and no gap, on the page
  window.dispatchEvent(new Event("gptscope:drawing"));
}
