"""The cost of a key in Chromium while a training that the page started runs: `python -m tests.benchmarks.beside`.

The training is the largest that the page offers, for text; it is held and let go in turn, a few keys each.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Page

from app.training import jobs, plan
from tests.benchmarks.keystroke import SONNET, WATCH, quantile
from tests.benchmarks.scrub import key
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

ROUNDS, KEYS = 12, 10
LENGTH = 64


@contextmanager
def training() -> Iterator[psutil.Process]:
    """One of the app's, which has taken its first steps."""
    planned = dataclasses.replace(plan.sizes(plan.OWN_TEXT)["medium"], text=SONNET * 100)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[jobs.FOLDER] = folder
        job = jobs.start("beside", planned.data, planned.steps, planned.arguments, planned.text)
        process = psutil.Process(job.note["pid"])
        try:
            while (now := jobs.find(job.folder)) is not None and now.step < 1:
                if not now.alive:
                    raise RuntimeError(f"the training ended: {now.problem}")
                time.sleep(0.1)
            yield process
        finally:
            process.kill()
            process.wait()


def typed(page: Page, start: int) -> list[float]:
    """Milliseconds of some keys, one after another, which are taken back afterwards."""
    times = [key(page, SONNET[start + i]) for i in range(KEYS)]
    page.locator("[data-role=prompt]").fill(SONNET[:start])
    wait_for_text(page, SONNET[:start])
    return times


def measure() -> bool:
    """Keys with the training held and let go."""
    times: dict[str, list[float]] = {"held": [], "running": []}
    good = True
    with training() as process, server("shakespeare-char") as (url, _), browser() as launched:
        page = open_page(launched, url)
        page.evaluate(WATCH, list(PANELS))
        page.locator("[data-role=prompt]").fill(SONNET[:LENGTH])
        wait_for_text(page, SONNET[:LENGTH])
        typed(page, LENGTH)
        for i in range(ROUNDS):
            for what in sorted(times, reverse=bool(i % 2)):
                process.suspend() if what == "held" else process.resume()
                times[what] += typed(page, LENGTH)
    for what, quantity, bound in (("median", 0.5, 1.3), ("p95", 0.95, 1.5)):
        running, held = (quantile(times[kind], quantity) for kind in ("running", "held"))
        detail = f"{running:.0f} / {held:.0f} ms"
        good = report(f"a key while a training runs / while it is held, {what}", running / held, bound, detail) and good
    return good


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = measure()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
