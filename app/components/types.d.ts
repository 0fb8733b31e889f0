// Types for the checker of the scripts (`deno check`), known in all of them; no browser reads this file.

/** What Streamlit hands to the default export of a component at each update. */
interface Mounted {
  name: string;
  key: string;
  data: any;
  /** The shadow root, or the element where the component stands in the page itself. */
  parentElement: any;
  setStateValue(name: string, value: unknown): void;
}

/** Draws a component; what it returns is called when Streamlit takes the update back. */
type Mount = (component: Mounted) => (() => void) | undefined;

/** A mounted component as long as it lives (view.js). Each component keeps what is its own here too. */
interface View {
  root: HTMLElement;
  /** The data of the newest update. */
  data: any;
  component: Mounted;
  cleanups: (() => void)[];
  /** Draws again in the colours of the theme; null where CSS does it. */
  redraw: (() => void) | null;
  send(name: string, value: object): void;
  theme: { key: string; kept: Map<string, any> };
  space?: { width: number; height: number };
  [own: string]: any;
}

/** A position of the context, and the query of a pattern's cell; null: none. */
interface Pointed {
  index: number | null;
  query: number | null;
}

/** A drawing that can be made anew, on a canvas or as SVG. */
interface Picture {
  width: number;
  height: number;
  draw(pen: any): void;
}

interface WindowEventMap {
  "gptscope:hover": CustomEvent<Pointed & { source: View }>;
  "gptscope:light": CustomEvent<{ ids: string[]; why: "lit" | "feeds"; parts: any[]; source: View }>;
  "gptscope:pinned": Event;
  "gptscope:lock": CustomEvent<number | null>;
  "gptscope:lens": CustomEvent<any>;
  "gptscope:point": CustomEvent<{ key: string; point: string | null; place: { x: number; y: number } | null; here?: string[] }>;
  "gptscope:preview": CustomEvent<{ layer: number; head: number } | null>;
  "gptscope:moment": CustomEvent<string>;
  "gptscope:typed": Event;
  "gptscope:shown": CustomEvent<string>;
  "gptscope:rested": CustomEvent<string>;
  "gptscope:here": Event;
  "gptscope:late": Event;
  "gptscope:answer": CustomEvent<number>;
  "gptscope:note": Event;
  "gptscope:drawing": Event;
  "gptscope:training_curves": Event;
  "gptscope:changes": Event;
  "gptscope:parity": Event;
  "gptscope:measure": Event;
  "gptscope:ready": Event;
}

interface Window {
  /** The mount functions of all components, by name (runtime.js). */
  gptscopeModules: Map<string, Mount>;
  gptscopeVersion?: string;
  gptscopeKept?: Map<string, string>;
  gptscopeHistories?: Map<string, any>;
  gptscopePictures?: Map<string, () => Picture | null | Promise<Picture | null>>;
  gptscopeHeads?: { canvas: OffscreenCanvas; size: number };
  gptscopePlotly?: boolean;
  Plotly: any;
}
