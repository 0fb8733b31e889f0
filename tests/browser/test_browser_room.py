"""The pages beside Explore at the sizes of a projector and of a narrow window: nothing is cut without a sign that there
is more, and what has room is all in sight.
"""

from __future__ import annotations

import io
from urllib.parse import quote, urlencode

import numpy as np
import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.driver import chromium, open_address, put_away, wait_for_rest

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
PROJECTOR, NARROW = (1280, 720), (900, 1000)
LETTERS_OF = """(selector) => Math.min(...deepQuery(selector).map((text) =>
  parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""
FIRST_HEIGHTS = """
window.firstHeights = {};
new MutationObserver(() => {
  for (const node of document.querySelectorAll("[data-testid=stSkeleton]")) {
    const key = node.closest("[class*=st-key-lab]")?.className.match(/st-key-lab-(\\w+)/)[1];
    if (key) window.firstHeights[key] = node.getBoundingClientRect().height;
  }
}).observe(document, { childList: true, subtree: true });"""
"""Notes how high the place of each widget of the Lab is while the widget's script is on its way."""
TEXT = "There was once a fox and a wolf. The fox said to the king no"


def opened(launched: BrowserContext, url: str, size: tuple[int, int]) -> Page:
    """Return a page that has come to rest."""
    page = open_address(launched, url, *size)
    wait_for_rest(page)
    return page


def lab(url: str, model: str, **choices: str) -> str:
    """Return the address of a part of the page Lab."""
    return f"{url}/lab?model={model}&prompt={quote(TEXT)}&lab={quote(urlencode(choices))}"


def test_the_lens_tells_how_many_tokens_are_out_of_sight_and_leads_to_them(
    launched: BrowserContext, address: str
) -> None:
    page = opened(launched, lab(address, "fairytales", section="parts", part="lens"), PROJECTOR)
    scroller, canvas = page.locator(".scroller"), page.locator(".scroller .over")
    canvas.wait_for()
    wide = float(scroller.get_attribute("data-wide") or "")
    seen = scroller.bounding_box()
    assert seen is not None
    whole = int((seen["width"] + 1) // wide)
    assert whole < 18
    assert seen["width"] - whole * wide <= whole  # and no more than a rest of another column is in sight
    earlier, later = page.locator(".ends .earlier"), page.locator(".ends .later")
    expect(earlier).to_have_text(f"‹ {18 - whole} earlier")  # it opens at the last token
    expect(later).to_be_disabled()
    earlier.click()
    expect(earlier).to_be_disabled()
    expect(later).to_have_text(f"{18 - whole} later ›")
    assert scroller.evaluate("(node) => node.scrollLeft") == 0
    canvas.press("End")
    expect(later).to_be_disabled()
    line = page.locator('[data-panel="token_line"] .tokens')
    expect(line).to_have_class("tokens scroll more-before")
    assert "transparent" in line.evaluate("(line) => getComputedStyle(line).getPropertyValue('--gs-left')")
    line.hover()
    page.mouse.wheel(0, -2000)
    expect(line).to_have_class("tokens scroll more-behind")
    page.set_viewport_size({"width": 1920, "height": 1080})
    expect(page.locator(".ends")).to_be_hidden()
    expect(line).to_have_class("tokens scroll")
    put_away(page)


@pytest.mark.parametrize("model", ["induction", "fairytales"])
def test_the_card_of_a_head_is_all_in_sight(launched: BrowserContext, address: str, model: str) -> None:
    page = opened(launched, f"{address}/lab?model={model}&lab={quote('section=heads&head=1.0')}", PROJECTOR)
    for size in (PROJECTOR, (1440, 900)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        wait_for_rest(page)
        box = page.locator('[data-panel="head-card"][data-head="1.0"] .box')
        box.wait_for(timeout=90_000)
        expect(box.locator(".writers [data-to]").first).to_be_visible()
        assert box.evaluate("(box) => box.scrollHeight <= box.clientHeight"), size
        assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth"), size
        assert page.evaluate(LETTERS_OF, '[data-panel="head-card"] figure text') >= 12
        sides = "all => all.map((each) => Math.min(each.offsetWidth, each.offsetHeight))"
        assert min(box.locator(".writers [data-to]").evaluate_all(sides)) >= 24
    put_away(page)


@pytest.mark.parametrize("model", ["two-names", "fairytales"])
def test_the_prompt_and_the_list_of_heads_are_whole_on_a_projector(
    launched: BrowserContext, address: str, model: str
) -> None:
    page = opened(launched, f"{address}/lab?model={model}", PROJECTOR)
    rows = page.locator('[data-role="ranked-head"]')
    rows.first.wait_for(timeout=90_000)
    line = page.locator('[data-panel="token_line"] .tokens')
    assert line.evaluate("(line) => line.scrollWidth <= line.clientWidth")
    box = page.locator('[data-panel="head-ranking"] .box').bounding_box()
    eighth = rows.nth(7).bounding_box()
    assert box and eighth and eighth["y"] + eighth["height"] <= box["y"] + box["height"]
    for reads in rows.locator(".reads").all():
        assert reads.evaluate("(reads) => reads.scrollWidth <= reads.clientWidth")
        assert reads.evaluate("(reads) => reads.clientHeight") < 28  # in one line
    ends = "(all) => all.map((each) => each.getBoundingClientRect().right)"
    told = page.locator('[data-panel="head-ranking"] .titles > span')
    numbers = rows.first.locator(".head .number")
    assert told.evaluate_all(ends)[2:] == pytest.approx(numbers.evaluate_all(ends), abs=1)  # titles above their numbers
    page.close()


def test_every_card_of_supposed_sizes_has_its_border_in_a_narrow_window(launched: BrowserContext, address: str) -> None:
    page = opened(launched, f"{address}/what_if", NARROW)
    cards = page.locator('[data-panel="supposed_sizes"] .card')
    cards.first.wait_for()
    assert cards.count() > 5
    for card in cards.all():
        card.scroll_into_view_if_needed()
        assert has_right_border(page, card), card.text_content()
    put_away(page)


def has_right_border(page: Page, card: Locator) -> bool:
    """Return True if a line is drawn where the card ends at the right."""
    box = card.bounding_box()
    assert box is not None
    shot = page.screenshot(clip={"x": round(box["x"] + box["width"]) - 4, "y": box["y"] + 60, "width": 7, "height": 1})
    greys = np.asarray(Image.open(io.BytesIO(shot)).convert("L"), float)[0]
    return bool(greys.min() < greys[-1] - 10)


def test_two_models_show_that_their_losses_go_on(launched: BrowserContext, address: str) -> None:
    page = opened(launched, lab(address, "fairytales", section="models"), NARROW)
    losses = page.locator(".scroll.wide").nth(1)
    losses.wait_for(timeout=60_000)
    assert losses.evaluate("(node) => node.scrollWidth > node.clientWidth")
    expect(losses).to_have_class("scroll wide more-behind")
    losses.evaluate("(node) => node.scrollTo(10_000, 0)")
    expect(losses).to_have_class("scroll wide more-before")
    put_away(page)


def test_a_token_in_the_model_s_card_stays_in_one_line(launched: BrowserContext, address: str) -> None:
    page = opened(launched, f"{address}/card?model=two-names", PROJECTOR)
    codes = page.locator(".st-key-model-card p code")
    expect(codes.nth(1)).to_have_text(" Anna", use_inner_text=False)
    assert {1} == {*codes.evaluate_all("all => all.map((code) => code.getClientRects().length)")}
    put_away(page)


def test_a_long_token_does_not_cut_the_weight_beside_it(launched: BrowserContext, address: str) -> None:
    page = opened(launched, f"{address}/?model=fairytales", PROJECTOR)
    read = page.locator(".reads > span").first
    read.locator("b").evaluate("(token) => { token.firstChild.data = '␣understandingly'; }")
    ends = "(part) => [part.parentElement, part].map((each) => each.getBoundingClientRect().right)"
    line, weight = read.locator("span").evaluate(ends)
    assert weight <= line
    assert read.locator("b").evaluate("(token) => token.scrollWidth > token.clientWidth")  # its end is left out
    put_away(page)


def test_the_page_about_the_model_says_what_each_amount_of_memory_is(launched: BrowserContext, address: str) -> None:
    page = opened(launched, f"{address}/card?model=nano-sort", NARROW)
    row = page.get_by_text("before this model was opened")
    row.wait_for()
    numbers = page.locator('[data-testid="stMetric"]').all()
    tops = {round((number.bounding_box() or {"y": -1})["y"]) for number in numbers}
    assert len(numbers) == 3
    assert len(tops) == 1  # in one line
    put_away(page)


def test_nothing_moves_down_when_the_widgets_of_the_lab_come(launched: BrowserContext, address: str) -> None:
    page = open_address(launched, lab(address, "fairytales", section="prompts"), *PROJECTOR, script=FIRST_HEIGHTS)
    wait_for_rest(page)
    first = page.evaluate("window.firstHeights")
    assert {"this", "other"} <= set(first)
    for key in first:
        box = page.locator(f".st-key-lab-{key}").bounding_box()
        assert box and abs(box["height"] - first[key]) <= 4, key
    page.close()
