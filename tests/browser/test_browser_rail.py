"""The line below the panels on Explore: the words of the training's rail are whole at every size, and what it covers is
free again at once; each of many changes has its slider.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from gptcore import load
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.snapshots import snapshots
from tests.browser.driver import chromium, link_to, open_page, put_away

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
SIZES = [(1280, 720), (1440, 900)]
RAIL = '[data-panel="timeline"]'
IN_SIGHT = """(line) => {
  const box = line.getBoundingClientRect();
  const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const own = range.getBoundingClientRect();
    if (own.width === 0 || own.top >= box.bottom || own.left >= box.right) continue;
    const whole = own.right <= box.right + 0.5 && own.bottom <= box.bottom + 0.5;
    found.push(whole ? texts.currentNode.data : `cut: ${texts.currentNode.data}`);
  }
  return found;
}"""
"""Function that returns the texts of a line that are in sight, and says which of them are cut."""


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    """One page of a model whose weights are the best of its training, not the last."""
    opened = open_page(launched, link_to(address, "two-names"))
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    one.bring_to_front()  # of the tabs of other tests
    return one


RECORD = """() => {
  const [slider, map] = ['[data-role="timeline"]', '[data-role="map"]'].map((css) => deepQuery(css)[0]);
  const began = performance.now();
  window.played = [];
  const look = () => {
    const step = slider.getAttribute('aria-valuetext').replace('step ', '').replace('best model', 'final');
    const told = [step, map.dataset.step];
    if (String(told) !== String(window.played.at(-1)?.slice(0, 2))) {
      window.played.push([...told, performance.now() - began]);
    }
    if (!window.stopped) requestAnimationFrame(look);
  };
  look();
}"""
"""Function that records, at each frame, the step that the slider stands at and that of what is drawn."""


def now(page: Page) -> Locator:
    """The line that tells where in the training one is."""
    return page.locator(f"{RAIL} .line:last-child")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_beside_changes_the_rail_has_whole_words_and_the_number_of_its_loss(kept: Page, size: tuple[int, int]) -> None:
    page, info = kept, load(shipped_folder() / "two-names").info
    page.set_viewport_size({"width": size[0], "height": size[1]})
    loss = f"val loss {info['best_val_loss']:.4g}"
    rest = f", step {info['iter_num']:,} of {info['train_config']['steps']:,}"
    assert now(page).evaluate(IN_SIGHT) == ["best model", rest, loss]
    page.locator('[data-role="head-off"]').first.click()
    page.locator('[data-role="edit"]').wait_for()
    assert now(page).evaluate(IN_SIGHT) == ["best model", loss]
    expect(now(page)).to_have_attribute("title", f"best model{rest} · {loss}")
    curve = page.locator(f"{RAIL} .curve.thin").evaluate("(curve) => curve.getBoundingClientRect().width")
    assert curve >= 60
    page.locator("[data-role=timeline]").focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-role=moment]")).to_contain_text("step 0")
    page.keyboard.press("Escape")
    losses = now(page).locator(".losses span").all_text_contents()
    assert len(losses) == 3  # more than there is room for
    assert now(page).evaluate(IN_SIGHT) == ["step 0", losses[0]]
    page.locator(f"{RAIL} .title").click()
    page.get_by_role("button", name="best model").click()
    expect(page.locator("[data-role=moment]")).to_contain_text("best model")
    page.keyboard.press("Escape")
    page.locator('[data-role="clear-changes"]').click()
    expect(page.locator('[data-role="edit"]')).to_have_count(0)
    assert now(page).evaluate(IN_SIGHT)[0] == "best model"
    assert now(page).evaluate(IN_SIGHT)[-1] == loss
    page.locator('[data-role="forget-changes"]').click()
    expect(page.locator('[data-panel="changes"]')).to_have_count(0)


def test_escape_and_a_click_beside_it_shut_the_rail_that_a_click_has_opened(kept: Page) -> None:
    page = kept
    box = page.locator(f"{RAIL} .box")
    for way in ("escape", "beside", "its own button"):
        page.locator(f"{RAIL} .title").click()  # not on a control: the focus is nowhere then
        expect(box).to_have_css("height", "110px")
        if way == "escape":
            page.keyboard.press("Escape")
        elif way == "beside":
            page.locator('[data-panel="node"]').hover(position={"x": 5, "y": 5})
            page.mouse.down()
            expect(box).to_have_css("height", "110px")  # nothing moves under a button that is pressed
            page.mouse.up()
        else:
            page.get_by_role("button", name="Close the training").click()
        expect(box).to_have_css("height", "34px")


def test_it_plays_at_once_beside_changes_and_stands_at_what_is_drawn(kept: Page) -> None:
    page, play = kept, kept.locator(f"{RAIL} button.play")
    page.locator('[data-role="head-off"]').first.click()
    page.locator('[data-role="edit"]').wait_for()
    before = play.bounding_box()
    assert before is not None
    page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.evaluate(RECORD)
    page.mouse.down()
    page.wait_for_timeout(100)
    page.mouse.up()
    expect(page.locator("[data-role=moment]")).to_contain_text("step ")
    expect(page.locator(f"{RAIL} .box")).to_have_css("height", "110px")
    after = play.bounding_box()
    assert after is not None
    assert after["x"] < before["x"] - 100
    expect(play).to_have_attribute("aria-label", "Play the training", timeout=30_000)  # at its end
    page.evaluate("window.stopped = true")
    played = page.evaluate("window.played")
    shown = [told for told, drawn, _ in played if told == drawn]
    steps = [str(snapshot.step) for snapshot in snapshots("two-names")]
    assert [step for step in shown if step != "final"] == steps
    apart = sum(after[2] - before[2] for before, after in itertools.pairwise(played) if before[0] != before[1])
    assert apart < 300
    assert 4000 < played[-1][2] - played[0][2] < 9000  # of 5 seconds, where other programs wait
    page.get_by_role("button", name="best model").click()
    page.keyboard.press("Escape")
    page.locator('[data-role="clear-changes"]').click()
    page.locator('[data-role="forget-changes"]').click()
    expect(page.locator('[data-panel="changes"]')).to_have_count(0)


def test_one_press_of_escape_shuts_the_rail_and_leaves_the_tool_that_is_taken(kept: Page) -> None:
    page = kept
    tool, box = page.locator('[data-role="cut-edges"]'), page.locator(f"{RAIL} .box")
    tool.click()
    expect(tool).to_have_attribute("aria-pressed", "true")
    page.locator(f"{RAIL} .title").click()
    page.keyboard.press("Escape")
    expect(box).to_have_css("height", "34px")
    page.wait_for_timeout(500)  # for a report to come back
    expect(tool).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(tool).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_change_has_its_slider_also_where_the_line_has_no_room_for_all(kept: Page, size: tuple[int, int]) -> None:
    page = kept
    page.set_viewport_size({"width": size[0], "height": size[1]})
    line, every = page.locator('[data-panel="changes"]'), page.locator('[data-role="all-changes"]')
    sliders = line.locator(".chip input")
    for head in range(4):
        page.locator(f'button[data-layer="0"][data-head="{head}"]').click()
        page.locator('[data-role="head-off"]').first.click()
        expect(sliders).to_have_count(head + 1)
        assert are_in_sight(line, [head])  # that of the change that was just made
    assert not are_in_sight(line, range(4))
    expect(every).to_have_text("all 4 ▴")
    every.click()
    assert are_in_sight(line, range(4))
    sliders.first.focus()
    page.keyboard.press("End")
    expect(line.locator(".words").first).to_have_text("head 0.0 × 2")
    page.keyboard.press("Escape")
    expect(every).to_be_focused()
    assert not are_in_sight(line, range(4))
    every.click()
    page.locator('[data-panel="node"]').click(position={"x": 5, "y": 5})
    assert not are_in_sight(line, range(4))
    every.click()
    page.locator('[data-role="clear-changes"]').click()
    expect(every).to_be_hidden()
    page.locator('[data-role="forget-changes"]').click()
    expect(line).to_have_count(0)


def are_in_sight(line: Locator, which: Iterable[int]) -> bool:
    """Return True if nothing cuts or covers these sliders."""
    found: bool = line.evaluate(
        """(line, which) => {
          const sliders = [...line.querySelectorAll(".chip input")];
          return which.every((i) => {
            const { left, right, top, height } = sliders[i].getBoundingClientRect();
            const at = (x) => line.getRootNode().elementFromPoint(x, top + height / 2);
            return at(left + 1) === sliders[i] && at(right - 1) === sliders[i];
          });
        }""",
        list(which),
    )
    return found
