"""Cost of a look elsewhere in Chromium: `python -m tests.benchmarks.select`. From the click on a head, a block, a
tensor or a token to the frame after all panels show it; a cell to its card, and an operand to its own; pointing, which
asks nobody; and generated tokens a second. In turn with keys, so that a busy machine can be told from a slow look."""

from __future__ import annotations

import argparse
import statistics
import tempfile

import torch
from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.keystroke import SONNET, WATCH, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

ROUNDS = 12
LENGTH = 64
BOUNDS = {"head": 120, "block": 200, "node": 120, "lock": 100, "card": 100, "walk": 100, "hover": 16, "preview": 30}
LARGE = BOUNDS | {"card": 150, "walk": 150}
"""Milliseconds, median; at GPT-2 small's size."""
WATCH_LOOKS = """
() => {
  const one = (panel) => deepQuery(`[data-panel="${panel}"]`)[0];
  // The panels live as long as the page: found once, so that watching them costs nothing.
  const [map, node, matrix, heads, after, prompt] =
    ["map", "node", "inspector", "attention", "prediction", "prompt"].map(one);
  const plot = matrix.querySelector('[data-role="plot"]');
  const until = (shown, act) => new Promise((resolve, reject) => {
    const start = performance.now();
    act();
    const look = () => {
      const spent = performance.now() - start;
      if (shown()) resolve(spent);
      else if (spent > 10_000) reject(new Error("it is not shown"));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const shows = (id, head) => node.dataset.name === id && plot.dataset.name === id
    && map.querySelector(`[data-node="${id}"]`)?.getAttribute("aria-pressed") === "true"
    && (head === null || plot.dataset.head === String(head));
  window.pick = (layer, head, id) => until(
    () => shows(id, head),
    () => thumbnail(layer, head).click(),
  );
  const opener = (layer) => map.querySelector(`[data-open="${layer}"]`);
  window.open_ = (layer, id, head) => until(() => shows(id, head), () => opener(layer).click());
  window.inspect = (id) => until(() => shows(id, null), () => map.querySelector(`[data-node="${id}"]`).click());
  const card = () => deepQuery('[data-role="explanation"]')[0];
  const canvas = () => matrix.querySelector("canvas.over");
  // Enter explains the cell that the keyboard stands at, as a click on it would.
  window.explain = () => until(
    () => card()?.dataset.value !== undefined,
    () => canvas().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true })),
  );
  window.walk = () => {
    const before = card().dataset.name;
    return until(() => card()?.dataset.name !== before, () => card().querySelector("[data-open]").click());
  };
  window.shut = () => until(() => !card(), () => card().querySelector('[aria-label="close"]').click());
  window.lock = (token) => until(
    () => after.dataset.position === String(token),
    () => prompt.querySelector(`[data-token-index="${token}"]`).click(),
  );
  // Pointing redraws canvases at once: the time until the next frame is shown, from two frames before it.
  window.point = (target, kind) => new Promise((resolve) => requestAnimationFrame(() => {
    const start = performance.now();
    target.dispatchEvent(new PointerEvent(kind, { bubbles: true, composed: true }));
    resolve(performance.now() - start);
  }));
  window.hover = (token) => point(prompt.querySelector(`[data-token-index="${token}"]`), "pointerover");
  const thumbnail = (layer, head) => heads.querySelector(`[data-layer="${layer}"][data-head="${head}"]`);
  window.preview = (layer, head) => point(thumbnail(layer, head), "pointerover");
}
"""


def measure(page: Page, n_layer: int, n_head: int, typed: str, tokens: int) -> dict[str, list[float]]:
    """Return milliseconds of each kind of look and of a key, in turn: a noisy machine is equally noisy for all."""
    measured = page.locator('[data-panel="parity_badge"][data-kind="good"]')
    measured.wait_for()
    page.evaluate(WATCH_LOOKS)
    page.evaluate(WATCH, list(PANELS))
    times: dict[str, list[float]] = {kind: [] for kind in ("key", *BOUNDS)}

    def look(kind: str, script: str) -> None:
        times[kind].append(float(page.evaluate(script)))
        page.wait_for_timeout(150)  # a person looks at it

    def key(typed: str) -> None:
        page.locator("[data-role=prompt]").focus()
        page.keyboard.press("Control+End")
        count = page.evaluate("window.paints.length")
        page.keyboard.insert_text(typed) if typed else page.keyboard.press("Backspace")
        page.wait_for_function("(count) => window.paints.length > count", arg=count)
        times["key"].append(float(page.evaluate("window.paints.at(-1)")))
        page.wait_for_timeout(150)
        measured.wait_for()  # else the look would wait for it

    layer, head = 0, 0
    for i in range(ROUNDS):
        pattern = f"transformer.h.{layer}.attn.pattern"
        look("hover", f"hover({tokens - 3 - i % 3})")
        look("preview", f"preview({layer}, {(head + 1) % n_head})")
        head = (head + 1) % n_head
        look("head", f"pick({layer}, {head}, '{pattern}')")
        look("lock", f"lock({tokens - 2 - i % 4})")
        look("node", f"inspect('transformer.h.{layer}.mlp.gelu')")
        look("node", f"inspect('{pattern}')")
        look("card", "explain()")
        look("walk", "walk()")
        page.evaluate("shut()")
        page.evaluate(f"inspect('{pattern}')")
        layer = (layer + 1) % n_layer
        look("block", f"open_({layer}, 'transformer.h.{layer}.attn.pattern', {head})")
        key(typed)
        key("")
    return times


def tell(times: dict[str, list[float]], of: str, bounds: dict[str, int] = BOUNDS) -> bool:
    """Print a line for each kind of look; return whether all bounds hold."""
    good = True
    key = statistics.median(times.pop("key"))
    for kind, each in times.items():
        median = statistics.median(each)
        detail = f"p95 {quantile(each, 0.95):.0f} ms; / a key in turn, of {key:.0f} ms: {median / key:.2f}"
        good &= report(f"{kind} → painted, {of}, median ms", median, bounds[kind], detail)
    return good


def generated(page: Page, of: str) -> bool:
    """Print how many tokens a second are drawn and painted."""
    page.locator('[aria-label="How many tokens to draw"]').select_option("50")
    script = """() => new Promise((resolve) => {
        const start = performance.now();
        const before = deepQuery(".chip.drawn").length;
        deepQuery('[data-role="generate"]')[0].click();
        const look = () => {
            const made = deepQuery(".chip.drawn").length - before;
            if (made >= 40) resolve((1000 * made) / (performance.now() - start));
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    })"""
    rate = float(page.evaluate(script))
    return report(f"12 / generated tokens a second, {of}", 12 / rate, 1, f"{rate:.1f} tokens a second")


def shipped(name: str) -> bool:
    """Look around in a shipped model."""
    with server(name) as (url, _), browser() as launched:
        page = open_page(launched, url)
        if name == "shakespeare-char":  # fairytales has a prompt of 16 tokens
            page.locator("[data-role=prompt]").fill(SONNET[:LENGTH])
            wait_for_text(page, SONNET[:LENGTH])
        layers, heads, tokens = (4, 4, LENGTH) if name == "shakespeare-char" else (4, 6, 16)
        good = tell(measure(page, layers, heads, "a", tokens), f"{name}, {tokens} tokens")
        return generated(page, name) and good


def large() -> bool:
    """Look around in a model of GPT-2 small's size with random weights, whose prompt is ids."""
    torch.manual_seed(0)
    model = GPT(GPTConfig.preset("gpt2")).eval()
    with tempfile.TemporaryDirectory() as folder:
        save(Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {}), folder)
        del model
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            prompt = " ".join(str(i * 7919 % 50257) for i in range(LENGTH))
            page.locator("[data-role=prompt]").fill(prompt)
            wait_for_text(page, prompt)
            return tell(measure(page, 12, 12, " 7", LENGTH), f"GPT-2 small's size, {LENGTH} tokens", LARGE)


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="a model of GPT-2 small's size instead of the shipped ones"
    )
    chosen = parser.parse_args()
    with absolute():
        good = [large()] if chosen.large else [shipped("fairytales"), shipped("shakespeare-char")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
