"""Cost of a key in Chromium while the drawer with the source is open: `python -m tests.benchmarks.source`.

The drawer is closed and opened at each of its tabs in turn, a few keys each, so that a busy machine is equally busy for
all of them; then the same on a model of GPT-2 small's size (`--large`).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.keystroke import SONNET, Bytes, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

ROUNDS, KEYS = 10, 8
LENGTH = 64
TABS = ("closed", "model", "teaching", "loss", "generation")
WATCH = """
(panels) => {
  const area = deepQuery('[data-role=prompt]')[0];
  const found = panels.map((name) => deepQuery(`[data-panel="${name}"]`)[0]);
  const source = deepQuery('[data-panel="code"]')[0];
  const told = () => source.hidden || source.dataset.text === area.value;
  const shown = () => told() && found.every((panel) => panel.isConnected && panel.dataset.text === area.value);
  window.paints = [];
  area.addEventListener('input', () => {
    const start = performance.now();
    const look = () => (shown() ? window.paints.push(performance.now() - start) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  });
}
"""


def open_tab(page: Page, tab: str) -> None:
    """Close the drawer, or open it at a tab."""
    drawer = page.locator('[data-panel="code"]')
    toggle = page.get_by_role("button", name="{ } code")
    if (tab == "closed") == drawer.is_visible():
        toggle.click()
        drawer.wait_for(state="hidden" if tab == "closed" else "visible")
    if tab != "closed":
        page.locator(f'[data-panel="code"] button[data-tab="{tab}"]').click()
        page.locator(f'[data-panel="code"][data-tab="{tab}"]').wait_for()
    page.wait_for_timeout(800)  # what is measured when typing pauses
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")


def key(page: Page, text: str) -> float:
    """Return the milliseconds until this key is painted."""
    count = page.evaluate("window.paints.length")
    page.keyboard.insert_text(text)
    page.wait_for_function("(count) => window.paints.length > count", arg=count)
    page.wait_for_timeout(60)  # what still comes for this key
    return float(page.evaluate("window.paints.at(-1)"))


def compare(page: Page, prompt: str, keys: list[str], of: str) -> bool:
    """Type the same keys with the drawer closed and at each tab, and print the ratios."""
    received = Bytes(page)
    page.evaluate(WATCH, list(PANELS))
    times: dict[str, list[float]] = {tab: [] for tab in TABS}
    sizes: dict[str, list[int]] = {tab: [] for tab in TABS}
    for i in range(ROUNDS + 1):
        for tab in TABS if i % 2 else reversed(TABS):
            page.locator("[data-role=prompt]").fill(prompt)
            wait_for_text(page, prompt)
            open_tab(page, tab)
            for text in keys:
                before = received.received
                spent = key(page, text)
                if i:  # the first round warms up
                    times[tab].append(spent)
                    sizes[tab].append(received.received - before)
    closed, bytes_closed = statistics.median(times["closed"]), statistics.median(sizes["closed"])
    good = True
    for tab in TABS[1:]:
        median = statistics.median(times[tab])
        more = statistics.median(sizes[tab]) - bytes_closed
        detail = f"{median:.0f} / {closed:.0f} ms; p95 {quantile(times[tab], 0.95):.0f} / "
        detail += f"{quantile(times['closed'], 0.95):.0f} ms; {more:+,.0f} bytes of {bytes_closed:,.0f}"
        good &= report(f"a key with the tab `{tab}` open / closed, {of}", median / closed, 1.1, detail)
    return good


def shipped() -> bool:
    """Type in a shipped model."""
    with server("shakespeare-char") as (url, _), browser() as launched:
        page = open_page(launched, url)
        return compare(page, SONNET[:LENGTH], list(SONNET[LENGTH : LENGTH + KEYS]), f"{LENGTH} characters")


def large() -> bool:
    """Type ids into a model of GPT-2 small's size with random weights."""
    model = GPT(GPTConfig.preset("gpt2")).eval()
    with tempfile.TemporaryDirectory() as folder:
        save(Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {}), folder)
        del model
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            prompt = " ".join(str(i * 7919 % 50257) for i in range(LENGTH))
            return compare(page, prompt, [f" {i}" for i in range(KEYS)], f"GPT-2 small's size, {LENGTH} tokens")


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
