"""Changes of the run in real Chromium: a head off and on again, an edge cut, a link, and what says so meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from gptcore import Edit, capture
from tests.browser.driver import chromium, link_to, open_page, put_away, wait_for_text, wait_until
from tests.browser.test_browser_accessible import findings
from tests.lopsided import FITS, encode, lopsided, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
ROW = '[data-role="next-token"]'


@pytest.fixture(scope="module")
def address(address: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the app with the lopsided model, instead of the default."""
    folder = tmp_path_factory.mktemp("changes") / "lopsided"
    return link_to(address, write_folder(folder, lopsided(), prompt=FITS))


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_page(launched, address)
    yield opened
    put_away(opened)


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_page(launched, address)
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    """One page for the tests that leave it as they found it, but for its size; in front of those of other tests."""
    one.bring_to_front()
    return one


def first(*edits: Edit, text: str = FITS) -> float:
    """The largest probability of the next token, by gptcore alone."""
    return float(capture(lopsided(), encode(text), edits=edits).logits[0, -1].double().softmax(-1).max())


def expect_first(page: Page, wanted: float) -> None:
    """Wait until the first row tells this probability."""
    script = "([row, wanted]) => Math.abs(Number(deepQuery(row)[0]?.dataset.probability) - wanted) < 1e-5"
    wait_until(page, script, arg=[ROW, wanted], timeout=30_000)


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
    expect(page.locator('[data-panel="parity_badge"]')).to_contain_text("unchanged")
    expect(page.locator('[data-panel="first_look"]')).to_have_count(0)
    expect(page.locator(f'button[data-layer="0"][data-head="{head}"]')).to_have_class("changed off")
    page.locator("[data-role=prompt]").press("End")
    page.keyboard.insert_text("a")
    wait_for_text(page, f"{FITS}a")
    expect_first(page, first(edit, text=f"{FITS}a"))
    page.locator('[data-panel="changes"]').get_by_role("checkbox").click()
    expect_first(page, first(text=f"{FITS}a"))
    expect(chip).to_have_count(0)
    page.locator('[data-role="clear-changes"]').click()
    expect(page.locator('[data-panel="changes"]')).to_contain_text("No change of the run")
    expect(page.locator('[data-panel="parity_badge"]')).not_to_contain_text("unchanged")
    expect(page.locator('[data-role="undo-change"]')).to_be_focused()
    page.locator('[data-role="undo-change"]').click()
    expect(page.locator('[data-panel="changes"]').get_by_role("checkbox")).to_have_count(1)
    page.locator('[data-role="redo-change"]').click()
    expect(page.locator('[data-panel="changes"]').get_by_role("checkbox")).to_have_count(0)
    assert findings(page) == []
    page.locator('[data-role="forget-changes"]').click()
    expect(page.locator('[data-panel="changes"]')).to_have_count(0)


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
    told = page.locator('[data-panel="inspector"] .tip')
    expect(told).to_contain_text("(5) → key")
    expect(told).to_contain_text(": 0 · edge cut")
    red, green, _ = page.evaluate(PIXEL, [5, 1, len(FITS)])
    assert red > green + 80  # a cross, which no weight of 0 has
    red, green, _ = page.evaluate(PIXEL, [4, 1, len(FITS)])
    assert red < green + 80
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
    put_away(other)


PIXEL = """([row, col, count]) => {
  const [plot] = deepQuery('[data-role="plot"]'), canvas = plot.previousElementSibling;
  const [at, box] = [plot.getBoundingClientRect(), canvas.getBoundingClientRect()];
  const scale = canvas.width / box.width;
  const x = at.left - box.left + (at.width * (col + 0.5)) / count;
  const y = at.top - box.top + (at.height * (row + 0.5)) / count;
  return [...canvas.getContext("2d").getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data].slice(0, 3);
}"""
"""The colour in the middle of a cell of the pattern."""


def cell(page: Page, row: int, col: int) -> tuple[float, float]:
    """The middle of a cell of the pattern on the screen."""
    box = page.locator('[data-role="plot"]').bounding_box()
    assert box is not None
    return (
        box["x"] + box["width"] * (col + 0.5) / len(FITS),
        box["y"] + box["height"] * (row + 0.5) / len(FITS),
    )


def test_a_row_is_drawn_by_a_drag_and_by_keys_and_taken_back(page: Page) -> None:
    head = int(page.locator('[data-role="plot"]').get_attribute("data-head") or "")
    name, row = "transformer.h.0.attn.pattern", len(FITS) - 1
    expect_first(page, first())
    page.locator('[data-role="draw-row"]').click()
    expect(page.locator('[data-role="draw-row"]')).to_have_attribute("aria-pressed", "true")
    page.mouse.click(*cell(page, row, 1))  # all weight on one key
    looks = torch.zeros(len(FITS))
    looks[1] = 1
    expect_first(page, first(Edit(name, "set", looks, head=head, position=row)))
    x, y = cell(page, row, 3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 50, steps=4)  # a quarter of the whole
    page.mouse.up()
    looks[1], looks[3] = 0.75, 0.25
    expect_first(page, first(Edit(name, "set", looks, head=head, position=row)))
    page.locator("canvas.draws").focus()
    page.keyboard.press("PageUp")  # of the cell that was last pointed at
    looks[1], looks[3] = 0.7, 0.3
    expect_first(page, first(Edit(name, "set", looks, head=head, position=row)))
    page.keyboard.press("Control+z")
    looks[1], looks[3] = 0.75, 0.25
    expect_first(page, first(Edit(name, "set", looks, head=head, position=row)))
    page.locator('[data-role="undo-change"]').click()
    page.locator('[data-role="undo-change"]').click()
    expect_first(page, first())
    expect(page.locator('[data-role="undo-change"]')).to_be_disabled()


def test_ctrl_z_in_the_prompt_is_the_prompt_s_own(page: Page) -> None:
    page.locator('[data-role="head-off"]').click()
    expect(page.locator('[data-role="edit"]')).to_have_count(1)
    page.locator("[data-role=prompt]").focus()
    page.keyboard.press("End")
    page.keyboard.insert_text("a")
    wait_for_text(page, f"{FITS}a")
    page.keyboard.press("Control+z")
    wait_for_text(page, FITS)
    expect(page.locator('[data-role="edit"]')).to_have_count(1)


def test_the_form_patches_a_head_by_the_keyboard_alone(page: Page) -> None:
    head = int(page.locator('[data-role="plot"]').get_attribute("data-head") or "")
    values = capture(lopsided(), encode("fij→ba"))["transformer.h.0.attn.z"][0, head]
    edit = Edit("transformer.h.0.attn.z", "set", values, head=head)
    page.locator('[data-role="head-off"]').focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    form = page.locator('[data-role="change_form"]')
    expect(form.locator("select")).to_be_focused()
    page.keyboard.press("Tab")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(form.locator('[data-way="patch"]')).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Tab")
    expect(form.locator("textarea")).to_have_value(FITS)  # the present prompt, of which one changes a part
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("fij→ba")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_first(page, first(edit))
    expect(page.locator('[data-role="edit"]')).to_have_attribute("data-how", "patch")
    expect(page.locator('[data-role="effect"]')).to_contain_text("from the change itself")
    expect(page.locator(".chip[data-loss]")).to_have_count(len(FITS) - 1)
    assert findings(page) == []
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    page.wait_for_url("**changes=0.attn.z_patch**")


def test_all_changes_go_off_at_once_and_come_back(page: Page) -> None:
    head = int(page.locator('[data-role="plot"]').get_attribute("data-head") or "")
    edit = Edit("transformer.h.0.attn.z", "zero", head=head)
    page.locator(f'button[data-layer="0"][data-head="{head}"]').focus()
    page.keyboard.press("Delete")
    expect_first(page, first(edit))
    page.locator('[data-role="mute-changes"]').click()
    expect_first(page, first())
    expect(page.locator('[data-panel="changes"]')).to_contain_text("All changes are off")
    expect(page.locator('[data-role="edit"]')).to_have_count(0)
    page.wait_for_url("**all-off**")
    page.locator('[data-role="mute-changes"]').click()
    expect_first(page, first(edit))
    page.locator('[data-role="keep-patterns"]').click()
    clean = capture(lopsided(), encode(FITS))
    kept = [Edit(f"transformer.h.{layer}.attn.pattern", "patch", clean) for layer in (1, 2)]
    expect_first(page, float(capture(clean._model, encode(FITS), edits=[edit, *kept]).logits[0, -1].softmax(-1).max()))


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (900, 1000), (390, 844)])
def test_the_form_of_a_change_covers_no_cell_of_the_pattern(kept: Page, size: tuple[int, int]) -> None:
    page = kept
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.locator('[data-role="open-change"]').click()
    page.locator('[data-way="patch"]').click()
    place, plot = (page.locator(f'[data-role="{role}"]').bounding_box() for role in ("change_form", "plot"))
    assert place is not None and plot is not None
    beside = place["x"] >= plot["x"] + plot["width"] or place["y"] + place["height"] <= plot["y"]
    assert beside, (place, plot)
    assert place["x"] >= 0 and place["x"] + place["width"] <= size[0]
    assert plot["width"] >= {1440: 520, 1280: 400}.get(size[0], 290)
    if size[0] > 1000:
        rows = page.locator(ROW)
        assert rows.first.bounding_box()["y"] + 24 <= place["y"]  # type: ignore[index]
    page.keyboard.press("Escape")
    expect(page.locator('[data-role="change_form"]')).to_have_count(0)


def test_the_text_of_a_patch_follows_the_prompt_until_it_is_typed_in(page: Page) -> None:
    page.locator('[data-role="open-change"]').click()
    page.locator('[data-way="patch"]').click()
    text = page.locator('[data-role="change_form"] textarea')
    expect(text).to_have_value(FITS)
    page.locator("[data-role=prompt]").press("End")
    page.keyboard.insert_text("a")
    wait_for_text(page, f"{FITS}a")
    expect(text).to_have_value(f"{FITS}a")
    text.fill("fab")
    page.locator('[data-way="mean"]').click()
    expect(text).to_have_value("")  # a reference text is another one
    page.locator("[data-role=prompt]").press("End")
    page.keyboard.insert_text("b")
    wait_for_text(page, f"{FITS}ab")
    page.locator('[data-way="patch"]').click()
    expect(text).to_have_value("fab")


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (900, 1000)])
def test_the_tools_have_words_and_say_what_a_click_does(kept: Page, size: tuple[int, int]) -> None:
    page = kept
    page.set_viewport_size({"width": size[0], "height": size[1]})
    using = page.locator('[data-role="using"]')
    for tool, word, told in (("cut-edges", "cut", "Click a cell"), ("draw-row", "draw", "Drag a cell")):
        button = page.locator(f'[data-role="{tool}"]')
        expect(button).to_contain_text(word)
        expect(using).to_be_hidden()
        button.click()
        expect(using).to_contain_text(told)
        whole = "(node) => node.scrollHeight <= node.clientHeight + 1 && node.clientHeight <= 32"
        assert using.evaluate(whole)
        title = page.locator('[data-panel="node"] strong')
        assert title.evaluate("(node) => node.scrollWidth <= node.clientWidth")  # not cut for these words
        button.click()
