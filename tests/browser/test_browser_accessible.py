"""Findings of axe on each page, light and dark: nothing serious.

Most are looked at in one of the two, by turns; `-m slow` looks at each in both, and at each tab and view.
"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `dev`")

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page

from tests.browser.driver import chromium, link_to, open_page, put_away, wait_until

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
SERIOUS = ("serious", "critical")


@pytest.fixture
def fairytales(address: str) -> str:
    """The address of the default model: it has snapshots, so all panels are there."""
    return link_to(address, "fairytales")


AT_REST = """
() => {
  const inside = (root) => [...root.querySelectorAll("*")].map((each) => each.shadowRoot).filter(Boolean);
  const roots = (root) => [root, ...inside(root).flatMap(roots)];
  const moving = roots(document).flatMap((root) => root.getAnimations());
  const ending = moving.filter((each) => each.effect.getTiming().iterations < 10);
  return Promise.allSettled(ending.map((each) => each.finished)).then(() => true);
}
"""
"""Waits for what changes its colour slowly, which has little contrast on its way; not for what turns for ever."""


def findings(page: Page) -> list[tuple[str, Any]]:
    """Return what axe calls serious or worse, with the first element of each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    page.evaluate(AT_REST)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)")
    return [(each["id"], each["nodes"][0]["target"]) for each in found if each["impact"] in SERIOUS]


GROUND = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
"""The colour behind all of a page."""


def turn(page: Page) -> str:
    """Go over to the other theme, dark from light and light from dark; return its name."""
    other = "light" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "dark"
    before = page.evaluate(GROUND)
    page.emulate_media(color_scheme=other)  # type: ignore[arg-type]
    wait_until(page, f"before => {GROUND} !== before", arg=before)
    page.wait_for_timeout(300)  # for what draws itself anew
    return other


def findings_in_both(page: Page) -> list[tuple[str, Any]]:
    """Return the findings in the theme that the page is in and in the other one, in which it stays."""
    first = findings(page)
    other = turn(page)
    return first + [(f"{name} ({other})", target) for name, target in findings(page)]


BOTH = pytest.mark.parametrize("both", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["by turns", "both"])


def findings_by_turns(page: Page, both: bool) -> list[tuple[str, Any]]:
    """Return the findings in the theme that the page is in, on request in the other one too, in which it stays."""
    if both:
        return findings_in_both(page)
    found = findings(page)
    turn(page)
    return found


@BOTH
def test_axe_finds_nothing_serious_light_or_dark(launched: BrowserContext, fairytales: str, both: bool) -> None:
    page = open_page(launched, fairytales)
    assert findings_in_both(page) == []
    for word in ("lead", "diagram", "heads"):
        page.locator(f'[data-word="{word}"] >> visible=true').click()
        page.wait_for_timeout(600)
        assert findings_by_turns(page, both) == [], word
    page.get_by_role("button", name="{ } code").click()
    for tab in ("model", "teaching", "loss", "generation") if both else ("teaching", "generation"):
        page.locator(f'[data-panel="code"] button[data-tab="{tab}"]').click()
        page.locator(f'[data-panel="code"][data-tab="{tab}"]').wait_for()
        page.wait_for_timeout(300)
        assert findings_by_turns(page, both) == [], tab
    page.get_by_role("link", name="In words").click()
    views = ("model", "block", "self-attention", "scaled dot-product attention", "MLP")
    for view in views if both else views[::3]:
        page.locator(f'[data-panel="in_words"] [data-word="{view}"]').click()
        page.locator(f'[data-panel="in_words"][data-view="{view}"]').wait_for()
        for question in page.locator('[data-panel="in_words"] summary').all():
            question.click()
        assert findings_by_turns(page, both) == [], view
    page.get_by_role("link", name="Sizes").click()
    page.locator('[data-panel="supposed_sizes"]').wait_for()
    page.wait_for_timeout(600)
    assert findings_by_turns(page, both) == [], "Sizes"
    page.locator('input[data-number="n_head"]').fill("5")
    page.locator('[data-role="impossible"]').wait_for()
    page.locator('[data-role="measure"]').click()
    page.get_by_text("Measure again").wait_for()
    assert findings_by_turns(page, both) == [], "Sizes, impossible sizes"
    page.get_by_role("link", name="Training").click()
    page.locator(".js-plotly-plot").first.wait_for()
    assert findings_by_turns(page, both) == [], "Training"
    page.get_by_role("link", name="About this model").click()
    page.get_by_text("parameters").first.wait_for()
    page.wait_for_timeout(600)
    assert findings_by_turns(page, both) == [], "About this model"
    put_away(page)


def test_axe_would_find_something(launched: BrowserContext, fairytales: str) -> None:
    page = open_page(launched, fairytales)
    page.evaluate("""() => {
        const button = document.createElement("button"); // without a name
        deepQuery('[data-panel="map"]')[0].append(button);
    }""")
    assert [name for name, _ in findings(page)] == ["button-name"]
    page.evaluate("""() => {
        deepQuery('[data-panel="map"] button:empty').forEach((button) => button.remove());
        const words = document.createElement("p");
        words.append("dark words");
        words.style.color = "#333333";
        document.querySelector('[data-testid="stMain"]').prepend(words);
    }""")
    assert [name for name, _ in findings_in_both(page)] == ["color-contrast (dark)"]
    put_away(page)
