// Keeps the words of source files for the code panel: sent once per page, not with every change of the highlight.

import { hide } from "../shared/dom.js";

export default function (component) {
  const { name, lines } = component.data;
  (window.gptscopeListings ??= new Map()).set(name, lines);
  hide(component);
  window.dispatchEvent(new Event("gptscope:listing"));
}
