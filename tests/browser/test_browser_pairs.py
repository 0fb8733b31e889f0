"""The Lab's two prompts and two models in a browser: cells are dragged by mouse and put by key, and heads are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from gptcore import Edit, capture, load, logit_lens
from tests.browser.driver import chromium, open_address, put_away, wait_for_widgets, wait_until
from tests.browser.test_browser_accessible import BOTH, findings_by_turns, turn

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
NAMES = (
    "When Anna and Tom went to the store, Tom gave a ring to",
    "When Anna and Tom went to the store, Anna gave a ring to",
)
"""The prompt of two-names, and the example that the page begins with."""
LINK = "/lab?model=two-names&lab=section%3D"
LONG = 60_000  # ms


@pytest.fixture
def section(launched: BrowserContext, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page Lab, at the section Two prompts or another one."""
    name = cast(str, getattr(request, "param", "prompts"))
    page = open_address(launched, address + LINK + name)
    page.locator("[data-grid]").first.wait_for(timeout=LONG)
    wait_for_widgets(page)
    yield page
    put_away(page)


def cell(page: Page, grid: str, row: int, col: int) -> Locator:
    """Return a cell of a grid."""
    return page.locator(f'[data-grid="{grid}"] [data-row="{row}"][data-col="{col}"]')


def middle(found: Locator) -> tuple[float, float]:
    """Return the middle of an element."""
    box: Any = found.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def shares_of_patched(row: int, position: int) -> list[float]:
    """Return the lens's largest probabilities of the last row, where a state of the first prompt is in the second."""
    ckpt = load("two-names")
    this, other = (capture(ckpt.model, ckpt.tokenizer.encode(text)) for text in NAMES)
    edit = Edit(logit_lens(this).names[row], "patch", this, position=position)
    lens = logit_lens(capture(ckpt.model, other.ids, edits=[edit])).logits[-1, 0]
    found: list[float] = lens.double().softmax(-1).max(-1).values.tolist()
    return found


def last_row(page: Page, row: int = 2) -> list[float]:
    """Return the numbers of the last row of the other prompt's lens."""
    cells = page.locator(f'[data-grid="other"] [data-row="{row}"]').all()
    return [float(each.get_attribute("data-value") or "nan") for each in cells]


def test_a_cell_is_dragged_from_one_prompt_into_the_other(section: Page) -> None:
    page, source, target = section, cell(section, "this", 1, 9), cell(section, "other", 1, 9)
    page.mouse.move(*middle(source))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, "other", 0, 9)), steps=4)
    page.mouse.move(*middle(target), steps=4)
    expect(page.locator(".cell.would")).to_have_count(5)  # the row behind it, from position 9 on
    page.mouse.up()
    expect(page.locator(".chip-put")).to_have_count(1, timeout=LONG)
    expect(page.locator('[data-grid="other"] .cell.put')).to_have_count(1)
    assert last_row(page) == pytest.approx(shares_of_patched(1, 9), abs=1e-5)
    expect(page.locator('[data-grid="other"] .note')).to_contain_text("of the way to this prompt's")
    page.locator(".chip-put").click()
    expect(page.locator(".chip-put")).to_have_count(0, timeout=LONG)


def test_what_was_dragged_stays_on_explore_and_in_the_link(section: Page) -> None:
    """The prompt that it was put into is then the one on Explore."""
    page = section
    page.mouse.move(*middle(cell(page, "this", 1, 9)))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, "other", 1, 9)), steps=6)
    page.mouse.up()
    page.locator('[data-keep="other"]').click(timeout=LONG)
    edit = page.locator('[data-role="edit"][data-how="patch"]')
    expect(edit).to_have_attribute("data-name", "transformer.h.0.resid_post", timeout=LONG)
    expect(page.locator('[data-role="map"]')).to_have_attribute("data-text", NAMES[1])
    script = """(wanted) => {
      const [first] = deepQuery('[data-role="next-token"]');
      return Math.abs(Number(first?.dataset.probability) - wanted) < 1e-5;
    }"""
    wait_until(page, script, arg=shares_of_patched(1, 9)[-1])
    page.wait_for_url("**changes=0.resid_post_patch**")
    page.reload()
    expect(edit).to_have_count(1, timeout=LONG)


def test_a_drag_outlives_a_drawing_of_the_same_cells(section: Page) -> None:
    page = section
    before = cell(page, "this", 1, 9).evaluate("node => getComputedStyle(node).backgroundColor")
    page.mouse.move(*middle(cell(page, "this", 1, 9)))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, "other", 0, 9)), steps=4)
    page.emulate_media(color_scheme="dark")  # all is drawn again, in other colours
    wait_until(
        page,
        "before => [...document.querySelectorAll('*')].some((node) => node.shadowRoot &&"
        ' [...node.shadowRoot.querySelectorAll(\'[data-grid=this] [data-row="1"][data-col="9"]\')]'
        ".some((each) => getComputedStyle(each).backgroundColor !== before))",
        arg=before,
    )
    page.mouse.move(*middle(cell(page, "other", 1, 9)), steps=4)
    expect(page.locator(".cell.would")).to_have_count(5)
    page.mouse.up()
    expect(page.locator(".chip-put")).to_have_count(1, timeout=LONG)


def test_a_cell_is_put_by_the_keyboard_alone(section: Page) -> None:
    page = section
    cell(page, "this", 0, 0).focus()
    for key in ("ArrowDown", *9 * ("ArrowRight",), "Enter"):
        page.keyboard.press(key)
    expect(cell(page, "other", 1, 9)).to_be_focused()  # where it most likely is to be put
    page.keyboard.press("Escape")
    cell(page, "this", 1, 9).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".chip-put")).to_have_count(1, timeout=LONG)
    assert last_row(page) == pytest.approx(shares_of_patched(1, 9), abs=1e-5)
    expect(cell(page, "other", 1, 9)).to_be_focused()


def test_which_head_moves_the_name_is_found_by_mouse_alone(section: Page) -> None:
    page = section
    page.locator('[data-grid="exact"]').wait_for(timeout=LONG)
    cells = page.locator('[data-grid="exact"] .cell').all()
    assert len(cells) == 8
    best = max(cells, key=lambda each: float(each.get_attribute("data-value") or "nan"))
    head = f"{best.get_attribute('data-row')}.{best.get_attribute('data-col')}"
    best.click()
    expect(page.locator(".chip-put")).to_contain_text(f"output of head {head}", timeout=LONG)
    page.get_by_role("button", name=f"Show head {head} on Explore").click()
    page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=LONG)
    plot = page.locator('[data-role="plot"]')
    expect(plot).to_have_attribute("data-layer", head[0], timeout=LONG)
    expect(plot).to_have_attribute("data-head", head[2])


@BOTH
@pytest.mark.parametrize("section", ["prompts", pytest.param("models", marks=pytest.mark.slow)], indirect=True)
def test_axe_finds_nothing_serious_light_or_dark(section: Page, both: bool) -> None:
    if not both:
        turn(section)
    last = "exact" if section.locator('[data-grid="this"]').count() else "tensors of blocks"
    section.locator(f'[data-grid="{last}"]').wait_for(timeout=LONG)
    section.wait_for_timeout(500)
    assert findings_by_turns(section, both) == []


def test_nothing_stands_beyond_the_page(launched: BrowserContext, address: str) -> None:
    page = open_address(launched, address + LINK + "prompts", 1280, 720)
    page.locator('[data-grid="exact"]').wait_for(timeout=LONG)
    for width, height in ((1280, 720), (900, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)  # for what is laid out anew
        wide = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth")
        right = "(each) => each.getBoundingClientRect().right > innerWidth"
        beyond = page.evaluate(f"() => deepQuery('[data-grid], [data-copy]').filter({right}).length")
        low = "(each) => each.offsetHeight < 24"
        small = page.evaluate(f"() => deepQuery('[data-row], [data-copy]').filter({low}).length")
        assert (wide <= 0, beyond, small) == (True, 0, 0), width
    put_away(page)
