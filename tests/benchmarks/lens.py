"""Cost of the lens' table on the page Lab in Chromium: `python -m tests.benchmarks.lens`. A model of GPT-2 small's
depth and 256 tokens: pointing at cells, scrolling, a click, another colour, each until its frame is painted."""

from __future__ import annotations

import statistics
import tempfile
from urllib.parse import urlencode

import torch
from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.keystroke import Bytes, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import DEEP_QUERY, browser, server

TOKENS = 256
VOCABULARY = 5000
COLOURS = ("the true next token", "rank of the true one", "entropy", "its likeliest token")
BOUNDS = {"point": 16, "scroll": 34, "click": 150, "colour": 150}
"""Milliseconds. Scrolling: from frame to frame, which a screen of 60 Hz draws each 16.7 ms."""
WATCH = """
() => {
  const panel = () => deepQuery('[data-panel="lens_table"]')[0];
  const scroller = () => panel().querySelector(".scroller");
  const frame = () => new Promise(requestAnimationFrame);
  // A message that is sent in a frame comes once that frame is styled, laid out and painted.
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  }));
  const send = (kinds, column, row) => {
    const { left, top } = scroller().getBoundingClientRect();
    const { wide, tall } = scroller().dataset;
    const [clientX, clientY] = [left + (column + 0.5) * Number(wide), top + 28 + (row + 0.5) * Number(tall)];
    const target = panel().getRootNode().elementFromPoint(clientX, clientY);
    const init = { bubbles: true, composed: true, clientX, clientY };
    for (const kind of kinds) target.dispatchEvent(new PointerEvent(kind, init));
  };
  const told = () => panel().querySelector(".told").dataset;
  window.pointCell = async (column, row) => {
    await frame();
    const start = performance.now();
    send(["pointerover", "pointermove"], column, row);
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      // The frame that was begun ends before this message comes.
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
    if (told().row !== String(row)) throw new Error("another cell is told");
    return performance.now() - start;
  };
  window.scrollTable = async (pixels, frames) => {
    const times = [];
    let last = await frame();
    for (let i = 0; i < frames; i += 1) {
      scroller().scrollLeft += pixels;
      const now = await frame();
      times.push(now - last);
      last = now;
    }
    return times;
  };
  const until = async (shown, act) => {
    const start = performance.now();
    act();
    while (!shown()) {
      await painted();
      if (performance.now() - start > 10_000) throw new Error("it is not shown");
    }
    await painted();
    return performance.now() - start;
  };
  window.clickCell = (column, row) => until(
    () => "chosen" in told() && told().row === String(row),
    () => send(["pointermove", "pointerdown", "pointerup", "click"], column, row),
  );
  window.recolour = (word) => {
    const meaning = () => panel().querySelector(".legend").textContent;
    const before = meaning();
    const button = deepQuery("[data-word]").find((each) => each.textContent === word);
    return until(() => meaning() !== before, () => button.click());
  };
}
"""


def measure(page: Page) -> dict[str, list[float]]:
    """Return milliseconds of each kind."""
    page.evaluate(WATCH)
    times: dict[str, list[float]] = {kind: [] for kind in BOUNDS}
    page.evaluate("scrollTable(-5000, 5)")
    for i in range(60):
        times["point"].append(float(page.evaluate(f"pointCell({i % 9}, {i % 13})")))
        page.wait_for_timeout(20)
    times["scroll"] = page.evaluate("scrollTable(70, 150)") + page.evaluate("scrollTable(-460, 45)")
    for i in range(12):
        times["colour"].append(float(page.evaluate(f"recolour({COLOURS[i % 4]!r})")))
        page.wait_for_timeout(250)  # a person looks at it
    for i in range(8):
        times["click"].append(float(page.evaluate(f"clickCell({i}, {12 - i})")))
        page.wait_for_timeout(250)
    return times


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    torch.manual_seed(0)
    config = GPTConfig(block_size=TOKENS, vocab_size=VOCABULARY, n_layer=12, n_head=4, n_embd=96)
    with tempfile.TemporaryDirectory() as folder, absolute():
        save(Checkpoint(GPT(config).eval(), IdTokenizer(VOCABULARY), config, {}), folder)
        with server(folder) as (url, _), browser() as launched:
            page = launched.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(DEEP_QUERY)
            received = Bytes(page)
            prompt = " ".join(str(i * 7919 % VOCABULARY) for i in range(TOKENS))
            page.goto(f"{url}/lab?{urlencode({'prompt': prompt, 'lab': 'section=parts&part=lens'})}")
            page.locator('[data-panel="lens_table"]').wait_for(timeout=90_000)
            page.wait_for_timeout(1500)
            print(f"{received.received:,} bytes until the table stands")
            times = measure(page)
    good = True
    for kind, each in times.items():
        high = quantile(each, 0.95)
        counted = high if kind in ("point", "scroll") else statistics.median(each)
        word = "p95" if kind in ("point", "scroll") else "median"
        good &= report(
            f"{kind}, {word} ms", counted, BOUNDS[kind], f"median {statistics.median(each):.1f}, p95 {high:.1f}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
