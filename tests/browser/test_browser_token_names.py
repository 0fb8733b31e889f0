"""Names of tokens in pictures, in the app in Chromium: whole where they fit, with a position where two are the same."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page

import gptcore
from app.panels.token_words import visible
from tests.browser.driver import chromium, open_address, wait_for_rest

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PATIENCE = 60_000
TEXTS = """
window.texts = new Map();
const { fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  if (this.canvas instanceof HTMLCanvasElement) {
    window.texts.set(this.canvas, [...(window.texts.get(this.canvas) ?? []), text]);
  }
  return fillText.call(this, text, ...place);
};
window.textsOf = (panel) => [...window.texts].flatMap(([canvas, list]) => (canvas.closest(panel) ? list : []));
"""
PROMPT = "When Rachel and Tom went to the store, Rachel gave a ring to"
NAMES = ["When", "␣Rachel 1", "␣and", "␣Tom", "␣went", "␣to 5", "␣the", "␣store", ",", "␣Rachel 9", "␣gave", "␣a",
         "␣ring", "␣to 13"]  # fmt: skip


def to_lab(launched: BrowserContext, address: str, width: int, height: int, **choices: str) -> Page:
    """Open a section of the Lab."""
    words = urlencode({"model": "two-names", "prompt": PROMPT, "lab": urlencode(choices)})
    return open_address(launched, f"{address}/lab?{words}", width, height, script=TEXTS)


def texts(page: Page, panel: str) -> list[str]:
    """Return the texts that were drawn on the canvases of a panel."""
    page.locator(panel).wait_for(timeout=PATIENCE)
    wait_for_rest(page)
    found: list[str] = page.evaluate("(panel) => textsOf(panel)", panel)
    return found


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900)])
def test_both_axes_of_summed_attention_name_each_token_whole_and_apart(
    launched: BrowserContext, address: str, width: int, height: int
) -> None:
    page = to_lab(launched, address, width, height, section="parts", part="attention")
    found = texts(page, '[data-panel="summed attention"]')
    for name in NAMES:
        assert found.count(name) >= 2, name  # a row and a column
    assert not [text for text in found if "…" in text]
    page.close()


def test_columns_of_the_lens_and_of_two_prompts_tell_the_same_token_apart(
    launched: BrowserContext, address: str
) -> None:
    page = to_lab(launched, address, 1440, 900, section="parts", part="lens")
    assert set(NAMES) <= set(texts(page, '[data-panel="lens_table"]'))
    page.get_by_text("Two prompts", exact=True).click()
    columns = page.locator('[data-grid="this"] .col')
    columns.first.wait_for(timeout=PATIENCE)
    assert columns.all_inner_texts() == NAMES
    page.get_by_text("Two models", exact=True).click()
    columns = page.locator('[data-grid="losses"] .col')
    columns.first.wait_for(timeout=PATIENCE)
    assert columns.all_inner_texts() == NAMES[1:]  # of what is foretold
    assert columns.first.get_attribute("title") == "␣Rachel (1)"
    page.close()


def test_each_row_of_the_logits_has_its_name_where_rows_are_as_high_as_letters(
    launched: BrowserContext, address: str
) -> None:
    ckpt = gptcore.load("fairytales")
    prompt = "There was once a fox and a wolf. The fox said to the"
    likely = gptcore.capture(ckpt, ckpt.tokenizer.encode(prompt)).logits[0, -1].topk(40).indices.tolist()
    names = {visible(ckpt.tokenizer.label(index)) for index in likely}
    words = urlencode({"model": "fairytales", "prompt": prompt, "node": "lm_head"})
    page = open_address(launched, f"{address}/?{words}", 1440, 830, script=TEXTS)
    plot = page.locator('[data-role="plot"][data-name="lm_head"]')
    plot.wait_for(timeout=PATIENCE)
    found = set(texts(page, '[data-panel="inspector"]'))
    box = plot.bounding_box()
    assert box is not None and 12 <= box["height"] / len(likely) < 14
    assert {name for name in names if len(name) < 10} <= found
    page.close()
