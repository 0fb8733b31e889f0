"""What each part says, in the browser: a table that stays small however long the prompt is, by mouse and by keyboard;
clicks that lead to Explore."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page, expect

import gptcore
from gptcore import analysis
from tests.browser.driver import DEEP_QUERY, chromium, server
from tests.browser.test_browser_accessible import findings

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PROMPT = "There was once a fox and a wolf. The fox said to the"
LONG = "Once upon a time the king said to his son that he should go into the wood. " * 14
TABLE = '[data-panel="lens_table"]'


@pytest.fixture(scope="module")
def fairytales() -> Iterator[str]:
    with server("fairytales") as (url, _):
        yield url


def opened(launched: BrowserContext, url: str, prompt: str = PROMPT, scheme: str = "light", **choices: str) -> Page:
    """Open a picture by a link."""
    page = launched.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.add_init_script(DEEP_QUERY)
    lab = urlencode({"section": "parts", **choices})
    page.goto(f"{url}/lab?model=fairytales&prompt={quote(prompt)}&lab={quote(lab)}")
    page.get_by_text("Copy code").first.wait_for(timeout=90_000)
    return page


def on_explore(page: Page, node: str) -> None:
    """Wait until Explore shows a tensor on its stage."""
    page.locator(f'[data-role="plot"][data-name="{node}"]').wait_for(timeout=30_000)


def test_the_table_draws_the_columns_in_sight_alone(launched: BrowserContext, fairytales: str) -> None:
    page = opened(launched, fairytales, LONG, part="lens")
    table = page.locator(TABLE)
    table.locator("button.cell").first.wait_for(timeout=60_000)
    ckpt = gptcore.load("fairytales")
    ids = ckpt.tokenizer.encode(LONG)[-256:]
    assert len(ids) == 256
    found = analysis.lens_table(gptcore.capture(ckpt, ids))
    assert table.locator(".column").count() < 40
    for position in (255, 120, 0):
        table.locator(".scroller").evaluate("(node, left) => { node.scrollLeft = left; }", 92 * position)
        for row in (0, 2, 4):
            cell = table.locator(f'button.cell[data-row="{row}"][data-position="{position}"]')
            cell.wait_for()
            assert cell.get_attribute("data-word") == ckpt.tokenizer.label(found.ids[row, position, 0])
            share = float(cell.get_attribute("data-probability") or 0)
            assert share == pytest.approx(found.probabilities[row, position, 0].item(), abs=1e-4)
        assert table.locator(".column").count() < 40
    page.close()


def test_the_table_goes_by_keyboard_and_tells_ten_tokens(launched: BrowserContext, fairytales: str) -> None:
    page = opened(launched, fairytales, part="lens")
    table = page.locator(TABLE)
    table.locator("button.cell").first.wait_for(timeout=60_000)
    stops = table.locator('button.cell[tabindex="0"]')
    expect(stops).to_have_count(1)
    stops.focus()
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
    page.keyboard.press("Home")
    expect(told).to_have_attribute("data-position", "0")
    expect(stops).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    on_explore(page, "transformer.h.2.resid_post")
    expect(page.locator('[data-token-index="1"][aria-pressed="true"]').first).to_be_visible()
    page.close()


def test_a_click_on_a_bar_leads_to_its_head(launched: BrowserContext, fairytales: str) -> None:
    page = opened(launched, fairytales, by="head")
    bar = page.locator(".js-plotly-plot .bars .point path").nth(2)
    bar.wait_for(timeout=30_000)
    place = page.evaluate("document.querySelector('.js-plotly-plot').data[0].customdata[2]")
    kind, layer, head = place.split()
    assert kind == "head"
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    on_explore(page, f"transformer.h.{layer}.attn.pattern")
    assert page.locator('[data-role="plot"]').get_attribute("data-head") == head
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_pictures(launched: BrowserContext, fairytales: str, scheme: str) -> None:
    for part, drawn in {
        "logit": ".js-plotly-plot",
        "lens": TABLE,
        "neurons": '[data-panel="token_marks"]',
        "residual": ".js-plotly-plot",
        "attention": ".js-plotly-plot",
    }.items():
        page = opened(launched, fairytales, scheme=scheme, part=part)
        page.locator(drawn).first.wait_for(timeout=60_000)
        page.wait_for_timeout(300)
        assert findings(page) == [], part
        page.close()
