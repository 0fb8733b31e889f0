"""Cards, dialogs and sentences that lie over the screen for a while, on a projector: none hides a tool."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from gptcore import Checkpoint, save
from gptcore.tokenizer import CharTokenizer
from tests.browser.driver import chromium, link_to, open_page, put_away, wait_until
from tests.conftest import random_model

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PROJECTOR = (1280, 720)
LONG = " ".join(["There was once a poor woman who had two little girls, and the fox said to the wolf:"] * 10)
LINES = "There was once a fox.\nThe fox said to the"
HINT = '[data-panel="first_look"]'


def box_of(found: Locator) -> tuple[float, float, float, float]:
    """Return the left, top, right and lower edge of what is seen of an element."""
    box = found.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def meet(first: Locator, second: Locator) -> bool:
    """Return True if two elements lie over each other."""
    a, b = box_of(first), box_of(second)
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def choose(page: Page, model: str) -> Locator:
    """Open the dialog of models, and return its button of a model."""
    page.locator(".st-key-choose button").first.click()
    page.get_by_role("dialog").locator('[data-testid="stFileUploader"]').wait_for()
    return page.get_by_role("dialog").locator(f".st-key-offer-{model} button")


def test_the_dialog_of_models_fits_and_the_card_of_the_first_look_comes_once(
    launched: BrowserContext, address: str, tmp_path: Path
) -> None:
    page = open_page(launched, address, *PROJECTOR)
    page.locator(HINT).wait_for()
    offered = choose(page, "induction")
    page.wait_for_timeout(500)  # it grows as it comes
    dialog = page.get_by_role("dialog")
    assert box_of(dialog)[3] <= PROJECTOR[1]
    assert box_of(dialog.get_by_role("button", name="Open this path"))[3] <= PROJECTOR[1]
    offered.click()
    page.locator('[data-token-index="11"]').wait_for()
    expect(page.locator(HINT)).to_have_count(0)
    toast = page.locator('[data-testid="stToast"]').first
    expect(toast).to_have_count(0)  # it came with the app: there is nothing to tell
    model = random_model(vocab_size=4)
    save(Checkpoint(model, CharTokenizer("abcd"), model.config, {}), tmp_path / "own")
    choose(page, "induction")
    page.get_by_role("textbox", name="Or a path on this machine").fill(str(tmp_path / "own"))
    page.keyboard.press("Enter")
    toast.wait_for()
    for tool in ('[data-panel="node"]', '[data-role="generate"]', '[data-panel="prediction"] header'):
        assert not meet(toast, page.locator(tool))
    put_away(page)


def test_the_words_of_a_copied_link_hide_no_button(launched: BrowserContext, address: str) -> None:
    page = open_page(launched, link_to(address, "induction"), *PROJECTOR)
    page.locator("[data-role=copy-link]").click()
    said = page.locator(".said")
    expect(said).not_to_be_empty()
    for button in page.locator('[data-panel="generate"] button:visible').all():
        assert not meet(said, button)
    put_away(page)


def test_without_changes_the_way_back_leaves_the_rail_its_room(launched: BrowserContext, address: str) -> None:
    page = open_page(launched, link_to(address, "induction"), *PROJECTOR)
    page.locator('[data-role="head-off"]').first.click()
    page.locator('[data-role="clear-changes"]').click()
    changes, rail = page.locator('[data-panel="changes"]'), page.locator('[data-panel="timeline"]')
    expect(page.locator('[data-role="forget-changes"]')).to_be_visible()
    edges = box_of(rail)
    assert edges[2] - edges[0] > PROJECTOR[0] * 0.6 and not meet(changes, rail)
    told = changes.locator(".told")
    assert told.evaluate("(told) => told.scrollWidth <= told.clientWidth")
    put_away(page)


def test_a_prompt_of_several_lines_is_seen_in_one_and_unfolds_as_high_as_its_text(
    launched: BrowserContext, address: str
) -> None:
    page = open_page(launched, f"{link_to(address, 'fairytales')}&prompt={quote(LINES)}", *PROJECTOR)
    area, line = page.locator("[data-role=prompt]"), page.locator(".entry .line")
    area.focus()
    expect(line).to_be_hidden()  # one writes in the box itself
    area.blur()
    expect(line).to_have_text(LINES.replace("\n", "↵"))
    expect(line).to_be_visible()
    page.locator(".unfold").click()
    expect(line).to_be_hidden()
    assert 2 * 26 <= area.evaluate("(area) => area.clientHeight") < 3.5 * 26
    assert area.evaluate("(area) => area.scrollHeight <= area.clientHeight")
    put_away(page)


def test_a_prompt_that_fits_has_nothing_to_unfold_and_no_empty_line(launched: BrowserContext, address: str) -> None:
    page = open_page(launched, f"{link_to(address, 'fairytales')}&prompt={quote(LONG)}", *PROJECTOR)
    area, unfold = page.locator("[data-role=prompt]"), page.locator(".unfold")
    page.locator(".example").focus()
    page.keyboard.press("Tab")
    expect(unfold).to_be_focused()
    page.keyboard.press("Enter")
    assert area.evaluate("(area) => area.scrollHeight <= area.clientHeight")
    assert area.evaluate("(area) => area.clientHeight") > 7 * 26 + 14
    area.fill("a fox")
    assert area.evaluate("(area) => area.clientHeight") == 26 + 14
    unfold.click()
    expect(unfold).to_be_hidden()
    assert area.evaluate("(area) => area.clientHeight") == 40
    area.fill("a fox " * 40)
    expect(unfold).to_be_visible()
    page.set_viewport_size({"width": 3000, "height": 900})
    expect(unfold).to_be_hidden()
    put_away(page)


def test_the_card_of_a_number_is_not_wider_than_its_room(launched: BrowserContext, address: str) -> None:
    page = open_page(launched, link_to(address, "fairytales"), *PROJECTOR)
    left, top, right, low = box_of(page.locator('[data-role="plot"]'))
    page.mouse.click(
        left + (right - left) * 8.5 / 16, top + (low - top) * 15.5 / 16
    )  # in the middle, between both sides
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    for part in (card, card.locator(".operands")):
        assert part.evaluate("(part) => part.scrollWidth <= part.clientWidth")
    link = card.locator(".link", has_text="model.py")
    link.scroll_into_view_if_needed()
    assert box_of(card)[0] < box_of(link)[0] and box_of(link)[2] < box_of(card)[2]
    page.set_viewport_size({"width": 1440, "height": 900})  # where it has its whole width
    assert card.locator(".foot > *").count() == 3
    tops = "deepQuery('.foot > *').map((link) => link.getBoundingClientRect().top)"
    wait_until(page, f"() => new Set({tops}).size === 1")  # a second line is cut where the window is low
    put_away(page)


@pytest.mark.parametrize("tool", ["cut-edges", "draw-row"])
def test_escape_puts_a_tool_back(launched: BrowserContext, address: str, tool: str) -> None:
    page = open_page(launched, link_to(address, "induction"), *PROJECTOR)
    button, using = page.locator(f'[data-role="{tool}"]'), page.locator('[data-role="using"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(using).to_contain_text("Esc")
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(using).to_be_empty()
    put_away(page)


def test_the_words_on_changes_of_the_model_before_take_no_room_from_the_tensor(
    launched: BrowserContext, address: str
) -> None:
    page = open_page(launched, link_to(address, "induction"), *PROJECTOR)
    page.locator('[data-role="head-off"]').first.click()
    expect(page.locator('[data-role="edit"]')).to_have_count(1)
    plot, gone = page.locator('[data-role="plot"]'), page.locator('[data-role="gone"]')
    choose(page, "fairytales").click()
    expect(gone).to_contain_text("Taken over from the model before")
    expect(plot).to_be_visible()
    before = box_of(plot)
    assert min(before[2] - before[0], before[3] - before[1]) >= 400
    over = box_of(gone)
    assert over[1] > 0 and over[2] <= PROJECTOR[0] and over[3] <= PROJECTOR[1]
    assert not meet(gone, page.locator('[data-panel="timeline"]'))
    page.locator('[data-role="close-gone"]').click()
    expect(gone).to_be_hidden()
    assert box_of(plot) == before
    put_away(page)


@pytest.mark.parametrize("size", [PROJECTOR, (1440, 900)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_notice_is_whole_or_becomes_so_by_the_pointer_and_by_the_keyboard(
    launched: BrowserContext, address: str, size: tuple[int, int]
) -> None:
    page = open_page(launched, address, *size)
    area, notice, words = (page.locator(name) for name in ("[data-role=prompt]", ".notice", ".notice span"))
    below = page.locator('[data-panel="map"], [data-panel="node"]')
    before = [box_of(each) for each in below.all()]
    is_whole = "(words) => words.scrollHeight <= words.clientHeight + 1 && words.scrollWidth <= words.clientWidth"
    area.fill("")
    expect(words).to_contain_text("needs at least one token.")
    assert words.evaluate(is_whole) and notice.get_attribute("tabindex") is None
    area.fill("ünknown")
    expect(words).to_contain_text("U+00FC")
    assert not words.evaluate(is_whole)
    whole = words.text_content()
    expect(notice).to_have_attribute("title", whole or "")
    notice.hover()
    assert words.evaluate(is_whole)
    page.mouse.move(5, 5)
    assert not words.evaluate(is_whole)
    page.locator(".example").focus()
    page.keyboard.press("Tab")
    expect(notice).to_be_focused()
    assert words.evaluate(is_whole)
    assert box_of(notice)[3] > box_of(words)[3] and [box_of(each) for each in below.all()] == before
    put_away(page)
