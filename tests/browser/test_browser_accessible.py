"""Findings of axe on each page, light and dark: nothing serious."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `dev`")

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page

from tests.browser.driver import chromium, open_page, server

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def fairytales() -> Iterator[str]:
    """The default model: it has snapshots, so all panels are there."""
    with server("fairytales") as (url, _):
        yield url


def findings(page: Page) -> list[tuple[str, Any]]:
    """Return what axe calls serious or worse, with the first element of each."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["target"]) for each in found if each["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(launched: BrowserContext, fairytales: str, scheme: str) -> None:
    page = open_page(launched, fairytales, scheme=scheme)
    assert findings(page) == []
    for word in ("lead", "diagram", "heads"):
        page.locator(f'[data-word="{word}"] >> visible=true').click()
        page.wait_for_timeout(600)
        assert findings(page) == [], word
    page.get_by_role("button", name="{ } code").click()
    for tab in ("model", "teaching", "loss", "generation"):
        page.locator(f'[data-panel="code"] button[data-tab="{tab}"]').click()
        page.locator(f'[data-panel="code"][data-tab="{tab}"]').wait_for()
        page.wait_for_timeout(300)
        assert findings(page) == [], tab
    page.get_by_role("link", name="In words").click()
    for view in ("model", "block", "self-attention", "scaled dot-product attention", "MLP"):
        page.locator(f'[data-panel="words"] [data-word="{view}"]').click()
        page.locator(f'[data-panel="words"][data-view="{view}"]').wait_for()
        for question in page.locator('[data-panel="words"] summary').all():
            question.click()
        assert findings(page) == [], view
    page.get_by_role("link", name="What if").click()
    page.locator('[data-panel="what_if"]').wait_for()
    page.wait_for_timeout(600)
    assert findings(page) == [], "What if"
    page.locator('input[data-number="n_head"]').fill("5")
    page.locator('[data-role="impossible"]').wait_for()
    page.locator('[data-role="measure"]').click()
    page.get_by_text("Measure again").wait_for()
    assert findings(page) == [], "What if, impossible sizes"
    page.get_by_role("link", name="Training").click()
    page.locator(".js-plotly-plot").first.wait_for()
    assert findings(page) == [], "Training"
    page.get_by_role("link", name="About this model").click()
    page.get_by_text("parameters").first.wait_for()
    page.wait_for_timeout(600)
    assert findings(page) == [], "About this model"
    page.close()


def test_axe_would_find_something(launched: BrowserContext, fairytales: str) -> None:
    page = open_page(launched, fairytales)
    page.evaluate("""() => {
        const button = document.createElement("button"); // without a name
        deepQuery('[data-panel="map"]')[0].append(button);
    }""")
    assert [name for name, _ in findings(page)] == ["button-name"]
    page.close()
