"""Changes of the run in real Chromium: a head off and on again, an edge cut, a link, and what says so meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from gptcore import Edit, capture
from tests.browser.driver import chromium, open_page, server, wait_for_text
from tests.browser.test_browser_accessible import findings
from tests.lopsided import FITS, encode, lopsided, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
ROW = '[data-role="next-token"]'


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the app with the lopsided model, instead of the default."""
    folder: Path = write_folder(tmp_path_factory.mktemp("models") / "lopsided", lopsided(), prompt=FITS)
    with server(str(folder)) as (url, _):
        yield url


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_page(launched, address)
    yield opened
    opened.close()


def first(*edits: Edit, text: str = FITS) -> float:
    """The largest probability of the next token, by gptcore alone."""
    return float(capture(lopsided(), encode(text), edits=edits).logits[0, -1].double().softmax(-1).max())


def expect_first(page: Page, wanted: float) -> None:
    """Wait until the first row tells this probability."""
    script = "([row, wanted]) => Math.abs(Number(deepQuery(row)[0]?.dataset.probability) - wanted) < 1e-5"
    page.wait_for_function(script, arg=[ROW, wanted], timeout=30_000)


def test_a_head_is_switched_off_and_on_again(page: Page) -> None:
    head = int(page.locator('[data-role="plot"]').get_attribute("data-head") or "")
    edit = Edit("transformer.h.0.attn.z", "zero", head=head)
    expect_first(page, first())
    expect(page.locator('[data-panel="changes"]')).to_have_count(0)
    page.locator('[data-role="head-off"]').click()
    expect_first(page, first(edit))
    chip = page.locator('[data-role="edit"]')
    expect(chip).to_have_attribute("data-name", edit.name)
    expect(chip).to_have_attribute("data-head", str(head))
    expect(page.locator('[data-panel="changes"]')).to_contain_text("1 change is on: numbers are of the changed run.")
    expect(page.locator('[data-panel="badge"]')).to_contain_text("unchanged")
    expect(page.locator('[data-panel="hint"]')).to_have_count(0)
    expect(page.locator(f'button[data-layer="0"][data-head="{head}"]')).to_have_class("changed")
    page.locator("[data-role=prompt]").press("End")
    page.keyboard.insert_text("a")
    wait_for_text(page, f"{FITS}a")
    expect_first(page, first(edit, text=f"{FITS}a"))
    page.locator('[data-panel="changes"]').get_by_role("checkbox").click()
    expect_first(page, first(text=f"{FITS}a"))
    expect(chip).to_have_count(0)
    page.locator('[data-role="clear-changes"]').click()
    expect(page.locator('[data-panel="changes"]')).to_have_count(0)
    expect(page.locator('[data-panel="badge"]')).not_to_contain_text("unchanged")


def test_an_edge_is_cut_by_a_click_and_the_address_brings_it_back(page: Page, launched: BrowserContext) -> None:
    head = int(page.locator('[data-role="plot"]').get_attribute("data-head") or "")
    edit = Edit("transformer.h.0.attn.masked", "set", float("-inf"), head=head, position=5, key=1)
    page.locator('[data-role="cut-edges"]').click()
    expect(page.locator('[data-role="cut-edges"]')).to_have_attribute("aria-pressed", "true")
    box = page.locator('[data-role="plot"]').bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 1.5 / len(FITS), box["y"] + box["height"] * 5.5 / len(FITS))
    expect_first(page, first(edit))
    expect(page.locator('[data-panel="explanation"]')).to_have_count(0)
    page.wait_for_url("**changes=0.attn.masked_set-inf_h*")
    link = page.url
    page.locator('[data-role="head-off"]').click()
    expect(page.locator('[data-role="edit"]')).to_have_count(2)
    assert findings(page) == []
    page.locator('[data-role="head-off"]').click()
    expect(page.locator('[data-role="edit"]')).to_have_count(1)
    other = open_page(launched, link)
    expect_first(other, first(edit))
    expect(other.locator('[data-role="edit"]')).to_have_attribute("data-how", "set")
    other.close()
