"""The words of each part in the browser: a table that stays small however long the prompt is, by mouse and by keyboard;
clicks that lead to Explore."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page, expect

import gptcore
from gptcore import analysis
from tests.browser.driver import chromium, open_address, pick_head, put_away
from tests.browser.test_browser_accessible import BOTH, findings_by_turns

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PROMPT = "There was once a fox and a wolf. The fox said to the"
LONG = "Once upon a time the king said to his son that he should go into the wood. " * 14
TABLE = '[data-panel="lens_table"]'


def opened(launched: BrowserContext, url: str, prompt: str = PROMPT, **choices: str) -> Page:
    """Open a picture by a link."""
    page = open_address(launched, link_of(url, prompt, **choices))
    page.get_by_text("Copy code").first.wait_for(timeout=90_000)
    return page


def link_of(url: str, prompt: str = PROMPT, **choices: str) -> str:
    """Return the address of a picture."""
    lab = urlencode({"section": "parts", **choices})
    return f"{url}/lab?model=fairytales&prompt={quote(prompt)}&lab={quote(lab)}"


def on_explore(page: Page, node: str) -> None:
    """Wait until Explore shows a tensor on its stage."""
    page.locator(f'[data-role="plot"][data-name="{node}"]').wait_for(timeout=30_000)


def point(page: Page, row: int, column: int) -> None:
    """Point at a cell of the lens' table, by its place on the screen."""
    canvas = page.locator(f"{TABLE} .over")
    wide, tall = (
        float(page.locator(f"{TABLE} .scroller").get_attribute(f"data-{side}") or 0) for side in ("wide", "tall")
    )
    canvas.hover(position={"x": (column + 0.5) * wide, "y": 28 + tall * (row + 0.5)})


def test_the_table_draws_what_is_in_sight_alone(launched: BrowserContext, address: str) -> None:
    page = opened(launched, address, LONG, part="lens")
    table = page.locator(TABLE)
    table.wait_for(timeout=60_000)
    ckpt = gptcore.load("fairytales")
    ids = ckpt.tokenizer.encode(LONG)[-256:]
    assert len(ids) == 256
    found = analysis.lens_table(gptcore.capture(ckpt, ids))
    scroller, told = table.locator(".scroller"), table.locator(".told")
    wide = float(scroller.get_attribute("data-wide") or 0)
    canvas = table.locator("canvas").first.bounding_box()
    assert canvas is not None and canvas["width"] < 1440 < 256 * wide
    for first in (240, 120, 0):
        scroller.evaluate("(node, left) => { node.scrollLeft = left; }", wide * first)
        page.wait_for_timeout(100)
        left = float(scroller.evaluate("(node) => node.scrollLeft"))
        for row in (0, 2, 4):
            point(page, row, 2)
            position = int((left + 2.5 * wide) / wide)
            expect(told).to_have_attribute("data-position", str(position))
            words = told.locator(".word").all_text_contents()
            said = [ckpt.tokenizer.label(token) for token in found.ids[row, position]]
            assert [word.replace("␣", " ") for word in words] == [word.replace("\n", "↵") for word in said]
            share = float(told.locator("li").first.get_attribute("data-probability") or 0)
            assert share == pytest.approx(found.probabilities[row, position, 0].item(), abs=1e-4)
    put_away(page)


def test_a_cell_stays_beside_the_table_and_leads_to_explore(launched: BrowserContext, address: str) -> None:
    page = opened(launched, address, part="lens")
    table = page.locator(TABLE)
    table.wait_for(timeout=60_000)
    told = table.locator(".told")
    point(page, 2, 3)
    assert told.get_attribute("data-chosen") is None
    page.mouse.down()
    page.mouse.up()
    expect(told).to_have_attribute("data-chosen", "")
    point(page, 1, 5)
    expect(told).to_have_attribute("data-position", "5")
    page.mouse.move(5, 5)
    expect(told).to_have_attribute("data-position", "3")
    table.get_by_role("button", name="rank of the true one").click()
    assert "logarithm" in (table.locator(".meaning").text_content() or "")
    expect(told).to_have_attribute("data-position", "3")
    table.get_by_role("button", name="Show on Explore").click()
    on_explore(page, "transformer.h.1.resid_post")
    expect(page.locator('[data-token-index="3"][aria-pressed="true"]').first).to_be_visible()
    put_away(page)


def test_a_reload_brings_back_the_cells_that_were_clicked(launched: BrowserContext, address: str) -> None:
    page = opened(launched, address, part="lens")
    told = page.locator(f"{TABLE} .told")
    point(page, 2, 3)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**cell%3D2.3.**")
    page.mouse.move(5, 5)
    page.reload()
    expect(told).to_have_attribute("data-position", "3", timeout=60_000)
    assert told.get_attribute("data-row") == "2"
    page.get_by_text("Attention, summed up", exact=True).click()
    panel = page.locator('[data-panel="summed attention"]')
    canvas = panel.locator("canvas.over")
    canvas.wait_for(timeout=60_000)
    canvas.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**pin%3D**")
    row, col, value = (panel.get_attribute(f"data-{name}") for name in ("row", "col", "value"))
    page.reload()
    panel.wait_for(timeout=60_000)
    for name, known in (("row", row), ("col", col), ("value", value)):
        expect(panel).to_have_attribute(f"data-{name}", str(known))
    put_away(page)


def test_the_table_goes_by_keyboard_and_tells_ten_tokens(launched: BrowserContext, address: str) -> None:
    page = opened(launched, address, part="lens")
    table = page.locator(TABLE)
    table.wait_for(timeout=60_000)
    stop = table.locator(".over")
    stop.focus()
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    told = table.locator(".told")
    expect(told).to_have_attribute("data-row", "3")
    expect(told).to_have_attribute("data-position", "13")
    ckpt = gptcore.load("fairytales")
    found = analysis.lens_table(gptcore.capture(ckpt, ckpt.tokenizer.encode(PROMPT)))
    shares = [float(each) for each in told.locator("li").evaluate_all("all => all.map((li) => li.dataset.probability)")]
    assert shares == pytest.approx(found.probabilities[3, 13].tolist(), abs=1e-4)
    assert "next in the prompt: ␣to" in (told.text_content() or "")
    likeliest = ckpt.tokenizer.label(found.ids[3, 13, 0]).replace(" ", "␣")
    assert f"after block 2, after ␣said (13): {likeliest}" in (stop.get_attribute("aria-label") or "")
    page.keyboard.press("Home")
    expect(told).to_have_attribute("data-position", "0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(told).to_have_attribute("data-chosen", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the way to Explore is the next stop
    on_explore(page, "transformer.h.2.resid_post")
    expect(page.locator('[data-token-index="1"][aria-pressed="true"]').first).to_be_visible()
    put_away(page)


@pytest.fixture(scope="module")
def by_head(launched: BrowserContext, address: str) -> Iterator[Page]:
    """One page with the bars of all heads."""
    page = opened(launched, address, by="head")
    page.locator('[data-panel="bars"] button.row').first.wait_for(timeout=30_000)
    yield page
    put_away(page)


def test_bars_are_as_long_as_their_numbers(by_head: Page) -> None:
    page = by_head
    rows = page.locator('[data-panel="bars"] button.row').evaluate_all(
        """all => all.map((row) => {
            const [bar, zero] = [".bar", ".zero"].map((name) => row.querySelector(name).getBoundingClientRect());
            return [Number(row.dataset.value), bar.left - zero.left, bar.right - zero.left];
        })"""
    )
    scale = max(abs(right if value > 0 else left) / abs(value) for value, left, right in rows if abs(value) > 0.05)
    for value, left, right in rows:
        assert (right if value > 0 else left) == pytest.approx(value * scale, abs=1.5)


def test_a_bar_leads_to_its_head_by_mouse_and_by_keyboard(by_head: Page) -> None:
    page = by_head
    bars = page.locator('[data-panel="bars"] button.row')
    for by_mouse in (True, False):
        expect(page.locator('[data-panel="bars"] button.row:not([tabindex="-1"])')).to_have_count(1)
        kind, layer, head = str(bars.nth(2).get_attribute("data-place")).split()
        assert kind == "head"
        assert f"head {layer}.{head}: " in (bars.nth(2).get_attribute("aria-label") or "")
        if by_mouse:
            bars.nth(2).click()
        else:
            bars.first.focus()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
        on_explore(page, f"transformer.h.{layer}.attn.pattern")
        assert page.locator('[data-role="plot"]').get_attribute("data-head") == head
        if by_mouse:  # from another head, the keyboard leads there as well
            pick_head(page, (int(layer) + 1) % 4, int(head))
            page.get_by_role("link", name="Lab", exact=True).click()
            bars.first.wait_for(timeout=30_000)


def test_points_and_cells_go_by_keyboard(launched: BrowserContext, address: str) -> None:
    page = opened(launched, address, part="residual")
    plot = page.locator('[data-role="figure"][tabindex="0"]').first
    plot.wait_for(timeout=30_000)
    plot.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    label = plot.get_attribute("aria-label") or ""
    assert label.startswith("Lengths: 10 points") and "depth: the embedding, then after each block 0; length" in label
    page.keyboard.press("ArrowUp")  # the other line, at the same depth
    other = plot.get_attribute("aria-label") or ""
    assert other != label and "each block 0; length" in other
    page.keyboard.press("Enter")
    on_explore(page, "transformer.h.0.resid_post")
    put_away(page)
    page = opened(launched, address, part="attention")
    cells = page.locator("canvas.over").first
    cells.wait_for(timeout=30_000)
    page.set_viewport_size({"width": 1280, "height": 720})
    hint = page.locator('[data-panel="summed attention"] .readout')
    assert hint.evaluate("(hint) => hint.textContent !== '' && hint.scrollWidth <= hint.clientWidth")
    cells.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Show on Explore").click(timeout=30_000)
    on_explore(page, "transformer.h.3.attn")
    put_away(page)


@BOTH
def test_axe_finds_nothing_serious_in_the_pictures_light_or_dark(
    launched: BrowserContext, address: str, both: bool
) -> None:
    page = open_address(launched, link_of(address))
    pictures = {
        "lens": TABLE,
        "residual": ".js-plotly-plot",
        "logit": '[data-panel="bars"]',
        "neurons": '[data-panel="token_marks"]',
        "attention": '[data-panel="summed attention"]',
    }
    for part, drawn in list(pictures.items())[: None if both else 3]:
        page.goto(link_of(address, part=part))
        page.locator(drawn).first.wait_for(timeout=60_000)
        page.wait_for_timeout(300)
        assert findings_by_turns(page, both) == [], part
    put_away(page)
