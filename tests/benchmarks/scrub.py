"""The cost of a move of the timeline in Chromium: `python -m tests.benchmarks.scrub`.

From the slider's event to the frame after every panel has painted that step's numbers; in turn with keys at the final
model and at a snapshot.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import torch
from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import CharTokenizer
from gptcore.train import snapshots
from tests.benchmarks.keystroke import WATCH, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

MODELS = {
    "nano-sort": GPTConfig.preset("nano-sort"),
    "induction": GPTConfig(block_size=128, vocab_size=64, n_layer=2, n_head=4, n_embd=128),
}
"""Snapshots in the shapes of the shipped models; the cost does not ask what the weights are."""
SNAPSHOTS, MOVES = 20, 60
LETTERS = "".join(chr(c) for c in range(65, 65 + 64))
WATCH_SLIDER = """
(panels) => {
  const slider = deepQuery('[data-role=timeline]')[0];
  const found = panels.map((name) => deepQuery(`[data-panel="${name}"]`)[0]);
  window.moves = [];
  window.moveTo = (index) => {
    const steps = [...window.gptscopeHistories.values()].at(-1).steps;
    const wanted = String(steps[index] ?? 'final');
    const start = performance.now();
    slider.value = index;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    const shown = () => found.every((panel) => panel.isConnected && panel.dataset.step === wanted);
    const look = () => (shown() ? window.moves.push(performance.now() - start) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  };
}
"""


def write(config: GPTConfig, folder: Path) -> None:
    """A checkpoint folder with random weights and as many snapshots as a shipped model has."""
    torch.manual_seed(0)
    final = GPT(config).eval()
    save(Checkpoint(final, CharTokenizer(LETTERS[: config.vocab_size]), config, {}), folder)
    for i in range(SNAPSHOTS):
        snapshots.write(folder, GPT(config), 100 * i, {"train_loss": 2.0, "val_loss": 2.0}, torch.float16)


def move(page: Page, index: int) -> float:
    """Milliseconds until this stop is painted."""
    count = page.evaluate("window.moves.length")
    page.evaluate("(index) => window.moveTo(index)", index)
    page.wait_for_function("(count) => window.moves.length > count", arg=count)
    page.wait_for_timeout(30)
    return float(page.evaluate("window.moves.at(-1)"))


def key(page: Page, typed: str) -> float:
    """Milliseconds until a key is painted; "" takes the last one back."""
    count = page.evaluate("window.paints.length")
    page.locator("[data-role=prompt]").focus()
    page.keyboard.insert_text(typed) if typed else page.keyboard.press("Backspace")
    page.wait_for_function("(count) => window.paints.length > count", arg=count)
    page.wait_for_timeout(30)
    return float(page.evaluate("window.paints.at(-1)"))


def measure(name: str, config: GPTConfig) -> bool:
    """Moves to stops that nobody has looked at; then in turn to a snapshot and the final model, with a key at each."""
    with tempfile.TemporaryDirectory() as folder:
        write(config, Path(folder))
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            page.evaluate(WATCH, list(PANELS))
            page.evaluate(WATCH_SLIDER, [*PANELS, "timeline"])
            prompt = (LETTERS[: config.vocab_size] * config.block_size)[: min(64, config.block_size - 2)]
            page.locator("[data-role=prompt]").fill(prompt)
            wait_for_text(page, prompt)
            page.keyboard.press("Control+End")
            first = [move(page, index) for index in range(SNAPSHOTS)]
            moves, at_snapshot, at_final = [], [], []
            for i in range(MOVES):
                moves.append(move(page, i * 7 % SNAPSHOTS))
                at_snapshot.append(key(page, LETTERS[0]))
                moves.append(move(page, SNAPSHOTS))
                at_final.append(key(page, ""))
    good = report(f"slider → all panels painted, {name}, median ms", statistics.median(moves), 150)
    good &= report(f"the same, p95 ms, {name}", quantile(moves, 0.95), 300)
    good &= report(f"the same, to a step that nobody has looked at, {name}, median ms", statistics.median(first), 150)
    ratio = statistics.median(at_snapshot) / statistics.median(at_final)
    detail = f"{statistics.median(at_snapshot):.0f} / {statistics.median(at_final):.0f} ms"
    return good and report(f"a key at a snapshot / at the final model, {name}", ratio, 1.15, detail)


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = [measure(name, config) for name, config in MODELS.items()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
