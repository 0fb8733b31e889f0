"""The screen at every size: the tensor has its room, no letter is too small, and nothing moves while one types.

`python -m pytest -m slow tests/browser/test_browser_sizes.py` takes the pictures of all sizes, themes, models and
lengths of prompt into `tests/artefacts/`, and measures each; the quick ones measure the default model at three sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.browser.driver import chromium, link_to, open_page, put_away, server, wait_for_text, wait_until

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
ARTEFACTS = Path(__file__).parents[1] / "artefacts" / "sizes"
SIZES = [(1920, 1080), (1440, 900), (1280, 720), (900, 900), (390, 844), (720, 450)]
"""The last one is 1440 x 900 at 200 % zoom."""
LEAST = {(1440, 900): 520, (1280, 720): 400, (390, 844): 300}
"""px of a pattern's side."""
SMALLEST = 12
"""px of a letter."""
WORDS = "There was once a poor woman who had two little girls , and the fox said to the wolf : what do you want ? "

FONTS = """
(() => {
  window.smallest = Infinity; // px of the smallest letters that a canvas of the page was given
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (...given) {
    const size = Number(/([\\d.]+)px/.exec(this.font)[1]);
    if (this.canvas.isConnected && String(given[0]).trim()) window.smallest = Math.min(window.smallest, size);
    return fillText.apply(this, given);
  };
})();
"""
LETTERS = """() => {
  const found = [];
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      if (!own || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      if (/^(STYLE|SCRIPT|OPTION|TITLE)$/i.test(element.tagName)) continue;
      const scale = element.ownerSVGElement ? element.getScreenCTM().a : 1;
      const size = parseFloat(getComputedStyle(element).fontSize) * scale;
      if (size < 11.95) found.push([element.tagName, size, element.textContent.slice(0, 30)]);
    }
  };
  visit(document);
  return found.slice(0, 10);
}"""
PLACES = """() => "map inspector prediction lens prompt timeline attention node".split(" ").flatMap((name) => {
  const found = deepQuery(`[data-panel="${name}"]`)[0];
  if (!found) return [];
  const { left, top, width, height } = found.getBoundingClientRect();
  return [[name, left, top, width, height]];
}).concat(deepQuery('[data-role="plot"]').map((plot) => {
  const { left, top, width, height } = plot.getBoundingClientRect();
  return ["plot", left, top, width, height];
}))"""


@pytest.fixture
def fairytales(address: str) -> str:
    """The address of the default model."""
    return link_to(address, "fairytales")


def opened(launched: BrowserContext, url: str, size: tuple[int, int], scheme: str = "light") -> Page:
    """Return the page with its canvases watched."""
    return open_page(launched, url, *size, scheme=scheme, script=FONTS)


@pytest.fixture(scope="module")
def kept(launched: BrowserContext, address: str) -> Iterator[Page]:
    """Open the default model once, for the tests that read the page at one size after the other."""
    page = opened(launched, link_to(address, "fairytales"), SIZES[0])
    yield page
    page.close()


@pytest.fixture(scope="module")
def costly(launched: BrowserContext, address: str) -> Iterator[Page]:
    """Open a page once and type a long prompt, of which a notice says what it costs."""
    page = open_page(launched, address, *SIZES[0])
    page.locator("[data-role=prompt]").press("End")
    page.keyboard.insert_text(WORDS * 8)
    expect(page.locator('[data-panel="prompt"] .notice')).to_contain_text("a full pass.")
    yield page
    put_away(page)


STILL = f"""() => {{
  const places = JSON.stringify(({PLACES})());
  window.still = places === window.places ? window.still + 1 : 0;
  window.places = places;
  return window.still > 10; // frames
}}"""


def resize(page: Page, size: tuple[int, int]) -> None:
    """Give the window a size, and wait until the panels have theirs."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wait_until(page, STILL)


def measured(page: Page, size: tuple[int, int]) -> None:
    """Hold what the page measures against the rules."""
    plot: Any = page.locator('[data-role="plot"]').bounding_box()
    least = LEAST.get(size)
    if least:
        assert min(plot["width"], plot["height"]) >= least, plot
        assert abs(plot["width"] - plot["height"]) < 1
    assert page.evaluate(LETTERS) == []
    assert page.evaluate("window.smallest") >= SMALLEST
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (900, 900), (390, 844)], ids=str)
def test_what_a_long_prompt_costs_is_told_in_whole_words(costly: Page, size: tuple[int, int]) -> None:
    resize(costly, size)
    notice = costly.locator('[data-panel="prompt"] .notice')
    expect(notice).to_contain_text("a full pass.")
    sides = "(it) => [it.scrollHeight - it.clientHeight, it.scrollWidth - it.clientWidth]"
    assert notice.evaluate(sides) == [0, 0]


@pytest.mark.parametrize("size", list(LEAST), ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_tensor_keeps_its_room_and_letters_can_be_read_whatever_is_on(
    launched: BrowserContext, fairytales: str, size: tuple[int, int]
) -> None:
    page = opened(launched, fairytales, size)
    measured(page, size)
    text = WORDS * 2
    page.locator("[data-role=prompt]").fill(text)
    wait_for_text(page, text)
    measured(page, size)
    for head in (0, 1, 2):
        page.locator(f'button[data-layer="0"][data-head="{head}"]').click()
        switch = page.locator('[data-role="head-off"]')
        expect(switch).to_have_attribute("aria-pressed", "false")
        expect(page.locator('[data-role="plot"]')).to_have_attribute("data-head", str(head))
        switch.click()
        expect(page.locator('[data-role="edit"]')).to_have_count(head + 1)
        if head != 1:
            measured(page, size)
    text = WORDS * 8
    page.locator("[data-role=prompt]").fill(text)
    wait_for_text(page, text)
    page.locator("[data-token-index]").last.click()
    expect(page.locator('[data-token-index][aria-pressed="true"]')).to_have_count(1)
    measured(page, size)
    page.locator("[data-role=prompt]").fill("wolf " * 60_000)
    expect(page.locator(".notice")).to_contain_text("shorten it")
    measured(page, size)
    page.close()


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_changes_stay_in_sight_beside_the_rail(
    launched: BrowserContext, fairytales: str, size: tuple[int, int]
) -> None:
    page = opened(launched, fairytales, size)
    page.locator('button[data-layer="0"][data-head="1"]').click()
    page.locator('[data-role="head-off"]').click()
    page.locator('[data-role="edit"]').wait_for()
    changes, rail = page.locator('[data-panel="changes"]'), page.locator('[data-panel="timeline"] .box')
    assert overlap(changes, rail) == 0
    assert inside(changes, size)
    assert inside(rail, size)
    rows = page.locator('[data-role="next-token"]')
    end = corners(page.locator('[data-panel="prediction"] .rows'))[3]
    assert sum(corners(row)[3] <= end for row in rows.all()) >= 9
    for name in rows.locator(".token").all():  # up to this length, whole beside its numbers
        assert name.evaluate("(it) => [...it.textContent].length > 9 || it.scrollWidth <= it.clientWidth"), name
    closed = rail.bounding_box()
    rail.click(position={"x": 60, "y": 12})
    expect(rail).to_have_css("height", "110px")
    opened_rail = rail.bounding_box()
    assert closed is not None
    assert opened_rail is not None
    assert opened_rail["width"] > 2 * closed["width"]
    assert overlap(changes, rail) == 0
    wait_until(page, STILL)
    for covered in ('[data-panel="map"]', '[data-role="plot"]', '[data-panel="prediction"]', '[data-panel="lens"]'):
        assert corners(page.locator(covered))[3] < opened_rail["y"], covered
    page.close()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_link_can_be_copied_at_every_size(kept: Page, size: tuple[int, int]) -> None:
    page = kept
    said = page.locator(".said")
    said.evaluate("(it) => it.replaceChildren()")  # what was said at the last size
    resize(page, size)
    button = page.get_by_role("button", name="Copy link")
    expect(button).to_have_attribute("data-link", re.compile("[?&]model="))
    left, top, right, bottom = corners(button)
    assert right - left >= 24
    assert bottom - top >= 24
    assert inside(button, size)
    button.click()
    expect(said).not_to_be_empty()
    assert inside(said, size)


def test_in_a_narrow_window_prompt_tensor_and_likeliest_tokens_are_in_sight(
    launched: BrowserContext, fairytales: str
) -> None:
    page = opened(launched, fairytales, (900, 1000))
    prompt, chips = page.locator("[data-role=prompt]"), page.get_by_role("group", name="Tokens of the prompt")
    assert prompt.evaluate("(it) => it.scrollWidth <= it.clientWidth")  # at first sight it is whole
    assert corners(page.locator('[data-token-index="0"]'))[0] >= corners(chips)[0]
    tab = page.locator('.tabs [data-tab="after"]')
    prompt.fill("There was once a king who had a")
    wait_for_text(page, "There was once a king who had a")
    before = corners(tab)
    for other in ("map", "stage"):
        page.locator(f'.tabs [data-tab="{other}"]').click()
        expect(page.locator('[data-column="after"]')).to_have_attribute("inert", "")
        rows = page.locator('[data-role="next-token"]').all()[:3]
        shown = [[row.locator(each).text_content() for each in (".token", ".p")] for row in rows]
        assert len(shown) == 3
        assert [each.locator("> *").all_text_contents() for each in tab.locator(".likely").all()] == shown
        for each in tab.locator(".likely > *").all():
            assert each.evaluate("(part) => part.scrollWidth <= part.clientWidth")
            assert inside(each, (900, 1000))
    assert corners(tab) == before
    plot, switch = page.locator('[data-role="plot"]'), page.locator('[data-role="head-off"]')
    before = corners(plot)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    changes, rail = page.locator('[data-panel="changes"]'), page.locator('[data-panel="timeline"] .box')
    assert corners(plot) == before  # the first change takes no room from it
    assert overlap(changes, rail) == 0
    assert inside(changes, (900, 1000)) and inside(rail, (900, 1000))
    page.get_by_role("button", name="whole window").click()
    expect(tab).to_be_hidden()
    wait_until(page, STILL)
    assert plot.evaluate("(plot) => plot.clientWidth") > before[2] - before[0]
    page.close()


def corners(found: Locator) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of an element, px."""
    box = found.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def overlap(one: Locator, other: Locator) -> float:
    """Return the area that two elements share, px²."""
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = corners(one), corners(other)
    width, height = min(right, other_right) - max(left, other_left), min(bottom, other_bottom) - max(top, other_top)
    return max(0, width) * max(0, height)


def inside(found: Locator, size: tuple[int, int]) -> bool:
    """Return True if the whole element is in the window."""
    left, top, right, bottom = corners(found)
    return left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]


@pytest.mark.slow
def test_nothing_moves_while_one_types(launched: BrowserContext, fairytales: str) -> None:
    page = open_page(launched, fairytales, 1280, 720)
    page.locator("[data-role=prompt]").fill("T")
    wait_for_text(page, "T")
    before = page.evaluate(PLACES)
    assert {name for name, *_ in before} >= {"map", "inspector", "prediction", "lens", "prompt", "timeline", "plot"}
    typed = "T"
    for character in WORDS[1:61]:
        page.keyboard.insert_text(character)
        typed += character
        if len(typed) % 6 == 0:
            wait_for_text(page, typed)
            assert page.evaluate(PLACES) == before, typed
    page.close()


def test_a_test_of_letters_can_fail(kept: Page) -> None:
    resize(kept, (1440, 900))
    assert kept.evaluate(LETTERS) == []
    kept.evaluate("deepQuery('[data-panel=\"prediction\"] .token')[0].style.fontSize = '11px'")
    assert len(kept.evaluate(LETTERS)) == 1
    kept.evaluate("deepQuery('[data-panel=\"prediction\"] .token')[0].style.fontSize = ''")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The smallest model that is shipped, the default one, and one of GPT-2 small's size."""
    folder = tmp_path_factory.mktemp("gpt2")
    model = GPT(GPTConfig.preset("gpt2")).eval()
    save(Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {}), folder)
    return {"nano-sort": "nano-sort", "fairytales": "fairytales", "gpt2-size": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["nano-sort", "fairytales", "gpt2-size"])
def test_pictures_of_every_size(launched: BrowserContext, models: dict[str, str], model: str) -> None:
    prompts = {
        "nano-sort": ["C", "CBACBACBACB"],
        "fairytales": ["There", WORDS[:60], WORDS * 4, WORDS * 10],
        "gpt2-size": [" ".join(str(i * 7919 % 50257) for i in range(tokens)) for tokens in (1, 16, 100, 250, 900)],
    }[model]
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with server(models[model]) as (url, _):
        for scheme in ("light", "dark"):
            page = opened(launched, url, SIZES[0], scheme)
            for number, text in enumerate(prompts):
                page.locator("[data-role=prompt]").fill(text)
                wait_for_text(page, text, seconds=120)
                for size in SIZES:
                    page.set_viewport_size({"width": size[0], "height": size[1]})
                    page.wait_for_timeout(400)
                    page.screenshot(path=ARTEFACTS / f"{model}-{number}-{size[0]}x{size[1]}-{scheme}.png")
                    measured(page, size)
                page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
            page.close()
