"""Cost of a change of sizes at GPT-2 XL and GPT-3 175B, in Chromium: `python -m tests.benchmarks.supposed_sizes`.

From the slider's event to the frame after the map, the bars and the curves of the new sizes are drawn; and the numbers
alone, without a browser."""

from __future__ import annotations

import dataclasses
import statistics

from playwright.sync_api import Page

from app.panels import cost_lines, cost_parts, cost_words
from gptcore import GPTConfig
from gptcore.graph.costs import RunSize
from tests.benchmarks.keystroke import quantile
from tests.benchmarks.timing import absolute, report, seconds
from tests.browser.driver import browser, open_page, server

ROUNDS = 30
BOUND = 100
"""Milliseconds, median."""
CHANGE = """
([name, by]) => new Promise((resolve, reject) => {
  const root = deepQuery('[data-panel="supposed_sizes"]')[0];
  const slider = root.querySelector(`input[type="range"][data-name="${name}"]`);
  const before = root.dataset.drawn;
  const start = performance.now();
  slider.value = String(Number(slider.value) + by);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  const look = () => {
    if (root.dataset.drawn !== before) requestAnimationFrame(() => resolve(performance.now() - start));
    else if (performance.now() - start > 10_000) reject(new Error("it is not drawn"));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""


def changes(page: Page, preset: str) -> list[float]:
    """Return milliseconds of changes of the number of blocks, of the width and of T, in turn, back and forth."""
    page.locator(f'button[data-preset="{preset}"]').click()
    page.locator(f'button[data-preset="{preset}"][aria-pressed="true"]').wait_for()
    page.wait_for_timeout(1000)
    times = []
    for i in range(ROUNDS):
        name = ("n_layer", "n_embd", "T")[i // 2 % 3]
        times.append(float(page.evaluate(CHANGE, [name, 1 if i % 2 else -1])))
        page.wait_for_timeout(120)
    return times


def computed(preset: str) -> float:
    """Return milliseconds of the numbers alone, for sizes that nobody has asked for before."""
    config, times = GPTConfig.preset(preset), []
    for i in range(ROUNDS):
        changed = dataclasses.replace(config, block_size=config.block_size + 1 + i)

        def numbers(changed: GPTConfig = changed) -> None:
            run = RunSize(T=changed.block_size)
            grown = cost_parts.grown(changed, run)
            cost_lines.cost_lines(changed, run), cost_parts.part_costs(changed, run), cost_parts.shares(grown)
            curve = cost_parts.curve(grown, "flops", run.T, changed.block_size)
            cost_words.growth_sentence(grown, "flops", curve), cost_words.answers(changed, run)

        times.append(seconds(numbers) * 1e3)
    return statistics.median(times)


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    good = True
    with absolute(), server("fairytales") as (url, _), browser() as launched:
        page = open_page(launched, url)
        page.get_by_role("link", name="Sizes").click()
        page.locator('[data-panel="supposed_sizes"]').wait_for()
        for preset in ("gpt2-xl", "gpt3-175b"):
            times = changes(page, preset)
            detail = f"p95 {quantile(times, 0.95):.0f} ms; its numbers alone {computed(preset):.0f} ms"
            good &= report(f"a change → painted, {preset}, median ms", statistics.median(times), BOUND, detail)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
