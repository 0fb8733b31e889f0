// Mounts components as Streamlit would, on a page of their own, and keeps what they report and draw.
(() => {
  window.reports = [];
  const mounted = (window.mounted = new Map()); // name -> the element that holds its shadow root
  const gone = new Map(); // name -> what is called when it has left the page

  /** An array of the payload as Arrow hands it over. */
  function column({ dtype, values }) {
    const made = new { uint8: Uint8Array, int32: Int32Array, float32: Float32Array }[dtype](values);
    return { getChildAt: () => ({ toArray: () => made }) };
  }

  function unpacked(data) {
    const entries = Object.entries(data).map(([name, value]) => [name, value?.dtype ? column(value) : value]);
    return Object.fromEntries(entries);
  }

  /** All scripts and styles, by the app's own runtime. */
  window.start = async (script, data) => {
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const parentElement = document.createElement("div");
    document.body.append(parentElement);
    await (await import(url)).default({ data: { ...data, drop: "" }, parentElement });
  };

  window.show = (name, data) => {
    if (!mounted.has(name)) {
      const host = document.createElement("div");
      host.attachShadow({ mode: "open" });
      document.body.append(host);
      mounted.set(name, host);
    }
    const setStateValue = (field, value) => window.reports.push([field, value]);
    const parentElement = mounted.get(name).shadowRoot;
    gone.set(name, window.gptscopeModules.get(name)({ name, key: name, data: unpacked(data), parentElement, setStateValue }));
    // What has found its size is drawn again: in the next frame, or in the one behind it.
    return new Promise((settled) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(settled))));
  };

  /** Takes a component away; the next time it is shown it is another one. */
  window.takeAway = (name) => {
    mounted.get(name).remove();
    mounted.delete(name);
    gone.get(name)();
  };

  // What is drawn on canvases, with its place in CSS pixels from the canvas's own corner.
  const { prototype } = CanvasRenderingContext2D;
  const calls = new Map(); // canvas -> what was drawn on it since it was cleared
  window.drawn = (wanted) => {
    const shown = [...calls].filter(([canvas]) => canvas.isConnected);
    return shown.flatMap(([canvas, list]) => {
      const panel = canvas.closest("[data-panel]")?.dataset.panel;
      return list.filter(({ method }) => method === wanted).map((call) => ({ ...call, panel }));
    });
  };
  const { clearRect } = prototype;
  prototype.clearRect = function (...given) {
    calls.set(this.canvas, []);
    return clearRect.apply(this, given);
  };
  const keep = (method, describe) => {
    const original = prototype[method];
    prototype[method] = function (...given) {
      const m = this.getTransform();
      const scale = window.devicePixelRatio || 1;
      const at = (x, y) => [(m.a * x + m.c * y + m.e) / scale, (m.b * x + m.d * y + m.f) / scale];
      calls.get(this.canvas)?.push({ method, canvas: this.canvas.className, ...describe(at, given, this) });
      return original.apply(this, given);
    };
  };
  keep("fillText", (at, [text, x, y]) => ({ text, at: at(x, y) }));
  keep("strokeRect", (at, [x, y, width, height]) => ({ at: at(x, y), size: [width, height] }));
  keep("fillRect", (at, [x, y, width, height]) => ({ at: at(x, y), size: [width, height] }));
  keep("moveTo", (at, [x, y]) => ({ at: at(x, y) })); // as many as curves, where nothing else is drawn
  keep("bezierCurveTo", (at, given, pen) => ({ at: at(...given.slice(-2)), width: pen.lineWidth, alpha: pen.globalAlpha }));
  keep("drawImage", (at, given) => {
    const [x, y, width, height] = given.slice(-4);
    return { at: at(x, y), size: [width, height], pixels: [given[0].width, given[0].height] };
  });

  /** Red, green and blue at places of a canvas, in CSS pixels from its corner. */
  window.colours = (canvas, places) => {
    const scale = window.devicePixelRatio || 1;
    const context = canvas.getContext("2d");
    return places.map(([x, y]) => Array.from(context.getImageData(Math.floor(x * scale), Math.floor(y * scale), 1, 1).data.slice(0, 3)));
  };
})();
