// The colours of the theme: theme.py gives them as CSS custom properties, canvases need them as pixels.
// Reading a computed style makes the browser style the whole page at once, in each component, at each key: so what
// was read is kept, and whether the theme changed is looked up after the frame, when it costs nothing.

/**
 * Reads light or dark anew, and forgets the colours that were read before.
 * @param {View} view
 */
export function readTheme(view) {
  const { backgroundColor, color } = getComputedStyle(view.root);
  const [r, g, b] = (backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  view.theme = { key: backgroundColor + color, kept: new Map() };
  view.root.dataset.theme = 0.299 * r + 0.587 * g + 0.114 * b < 128 ? "dark" : "light";
}

/**
 * Draws the view again after the frame if the theme has changed.
 * @param {View} view
 */
export function checkThemeSoon(view) {
  if (view.checking) return;
  view.checking = true;
  requestAnimationFrame(() => setTimeout(() => {
    view.checking = false;
    const { backgroundColor, color } = getComputedStyle(view.root);
    if (view.theme.key === backgroundColor + color) return;
    readTheme(view);
    view.redraw?.();
  }));
}

/** @type {<T>(view: View, key: string, make: () => T) => T} */
function kept(view, key, make) {
  if (!view.theme.kept.has(key)) view.theme.kept.set(key, make());
  return view.theme.kept.get(key);
}

/**
 * Returns the value of a CSS custom property, as text.
 * @param {View} view
 * @param {string} name
 */
export function property(view, name) {
  return kept(view, name, () => getComputedStyle(view.root).getPropertyValue(name).trim());
}

/** @param {string} hex */
function parseHex(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/**
 * Returns a ramp of theme.py as `levels` packed pixels (0xAABBGGRR), ready for a Uint32 view of ImageData.
 * @param {View} view
 * @param {string} name
 */
export function ramp(view, name, levels = 256, gamma = 1) {
  return kept(view, `${name} ${levels} ${gamma}`, () => {
    const stops = property(view, name).split(",").map((stop) => parseHex(stop.trim()));
    return Uint32Array.from({ length: levels }, (_, i) => {
      const at = Math.pow(i / (levels - 1), gamma) * (stops.length - 1);
      const low = Math.min(stops.length - 2, Math.floor(at));
      return pack(stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low))));
    });
  });
}

/**
 * Returns a diverging ramp that goes with the root of a number's size: small ones, such as those of the first blocks of a
 * residual stream that grows, can then be seen on the scale of the large ones.
 * @param {View} view
 * @param {string} name
 * @param {number} levels
 */
export function rootRamp(view, name, levels) {
  return kept(view, `root ${name} ${levels}`, () => {
    const plain = ramp(view, name, levels);
    const middle = (levels - 1) / 2;
    return plain.map((_, i) => {
      const share = (i - middle) / middle;
      return plain[Math.round(middle + middle * Math.sign(share) * Math.sqrt(Math.abs(share)))];
    });
  });
}

/** @param {number[]} colour */
function pack([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/**
 * Returns a colour of theme.py as one packed pixel.
 * @param {View} view
 * @param {string} name
 */
export function packed(view, name) {
  return pack(parseHex(property(view, name)));
}
