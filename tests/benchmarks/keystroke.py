"""The cost of a key in Chromium: `python -m tests.benchmarks.keystroke`. From the input event to the frame after every
visible panel has painted this prompt's numbers; bytes that the server sends for it; and the start of the app."""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
import time

from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

SONNET = (
    "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\nRough winds do shake the "
    "darling buds of May,\nAnd summer's lease hath all too short a date:\nSometime too hot the eye of heaven shines,\n"
    "And often is his gold complexion dimm'd;\nAnd every fair from fair sometime declines."
)
KEYS = 50
WATCH = """
(panels) => {
  const area = deepQuery('[data-role=prompt]')[0];
  // The panels live as long as the page: found once, so that watching them costs nothing.
  const found = panels.map((name) => deepQuery(`[data-panel="${name}"]`)[0]);
  const shown = () => found.every((panel) => panel.isConnected && panel.dataset.text === area.value);
  window.paints = [];
  area.addEventListener('input', () => {
    const start = performance.now();
    const look = () => (shown() ? window.paints.push(performance.now() - start) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  });
}
"""


class Bytes:
    """Counts what the page's websocket receives."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", self._count)

    def _count(self, event: dict[str, dict[str, str]]) -> None:
        self.received += len(base64.b64decode(event["response"]["payloadData"]))


def quantile(values: list[float], share: float) -> float:
    """The value that this share of all lies below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def typing(page: Page, received: Bytes, length: int) -> bool:
    """Fifty keys, one after another, ending at a prompt of this many characters and a little more."""
    page.locator("[data-role=prompt]").fill(SONNET[:length])
    wait_for_text(page, SONNET[:length])
    page.keyboard.press("Control+End")
    times, sizes = [], []
    text = SONNET[:length]
    for i in range(KEYS):
        # back and forth around the length, so that every key is at it
        before = received.received
        count = page.evaluate("window.paints.length")
        if i % 10 == 9:
            text = text[:-9]
            page.locator("[data-role=prompt]").fill(text)
        else:
            page.keyboard.insert_text(SONNET[len(text)])
            text = SONNET[: len(text) + 1]
        page.wait_for_function("(count) => window.paints.length > count", arg=count)
        times.append(page.evaluate("window.paints.at(-1)"))
        page.wait_for_timeout(30)  # what still comes for this key
        if i % 10 != 9:
            sizes.append(received.received - before)
    median, p95 = statistics.median(times), quantile(times, 0.95)
    good = report(f"key → all panels painted, {length} characters, median ms", median, 65)
    good &= report(f"key → all panels painted, {length} characters, p95 ms", p95, 120)
    if length == 64:
        good &= report("kB over the wire for a key at 64 characters", statistics.median(sizes) / 1e3, 100)
    return good


def start() -> bool:
    """From `streamlit run` to the first numbers painted, the browser being open already."""
    times = []
    with browser() as launched:
        for _ in range(3):
            began = time.perf_counter()
            with server("shakespeare-char") as (url, _):
                page = open_page(launched, url)
                times.append(time.perf_counter() - began)
                page.context.close()
    return report("`streamlit run` → first numbers painted, s", statistics.median(times), 5)


def large() -> bool:
    """Keys at two lengths on a model of GPT-2 small's size with random weights, whose prompt is ids."""
    model = GPT(GPTConfig.preset("gpt2")).eval()
    with tempfile.TemporaryDirectory() as folder:
        save(Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {}), folder)
        del model
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            page.evaluate(WATCH, list(PANELS))
            good = [ids_typed(page, tokens, bound) for tokens, bound in ((64, 160), (900, 260))]
    return all(good)


def ids_typed(page: Page, tokens: int, bound: float) -> bool:
    """Fifty more ids, one after another, behind a prompt of this many."""
    prompt = " ".join(str(i * 7919 % 50257) for i in range(tokens))
    page.locator("[data-role=prompt]").fill(prompt)
    wait_for_text(page, prompt)
    page.keyboard.press("Control+End")
    times = []
    for i in range(KEYS):
        page.wait_for_timeout(100)
        count = page.evaluate("window.paints.length")
        page.keyboard.insert_text(f" {i}")
        page.wait_for_function("(count) => window.paints.length > count", arg=count)
        times.append(page.evaluate("window.paints.at(-1)"))
    what = f"key → all panels painted, GPT-2 small's size, {tokens} tokens, median ms"
    return report(what, statistics.median(times), bound, f"p95 {quantile(times, 0.95):.0f} ms")


def shipped() -> bool:
    """The start, and keys at prompts of three lengths, on the shipped model."""
    good = [start()]
    with server("shakespeare-char") as (url, _), browser() as launched:
        page = open_page(launched, url)
        received = Bytes(page)
        page.evaluate(WATCH, list(PANELS))
        page.locator("[data-role=prompt]").click()
        for character in "warm-up":
            page.keyboard.insert_text(character)
            page.wait_for_timeout(200)
        good += [typing(page, received, length) for length in (16, 64, 200)]
    return all(good)


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="a model of GPT-2 small's size instead of the shipped one")
    options = parser.parse_args()
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = large() if options.large else shipped()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
