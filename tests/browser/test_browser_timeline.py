"""Scrubbing through a training in real Chromium: every number moves, and is the one that gptcore gives for the step."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from gptcore import GPT, capture, load
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from tests.app.test_timeline import LETTERS, STEPS, model_at, write_history, write_snapshot
from tests.browser.driver import PANELS, chromium, open_page, server, wait_for_text
from tests.browser.test_browser import ARTEFACTS, cell
from tests.browser.test_browser_models import last_years_checkpoint, upload
from tests.conftest import random_model

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PROMPT = "abacad"
FINAL = random_model(seed=99)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_history(tmp_path_factory.mktemp("timeline") / "model")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Of the app with the model that has snapshots, instead of the default."""
    with server(str(folder)) as (url, _):
        yield url


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_page(launched, address)
    opened.locator("[data-role=prompt]").fill(PROMPT)
    wait_for_text(opened, PROMPT)
    yield opened
    opened.close()


def wait_for_step(page: Page, step: int | None) -> None:
    """Until every panel has painted the numbers of these very weights."""
    page.wait_for_function(
        """([step, panels]) => panels.every((name) => {
            const found = deepQuery(`[data-panel="${name}"]`);
            return found.length === 1 && found[0].dataset.step === step;
        })""",
        arg=["final" if step is None else str(step), [*PANELS, "timeline"]],
        timeout=30_000,
    )


def assert_shows(page: Page, model: GPT, text: str) -> None:
    """Heatmap and prediction are those of a fresh run of these weights."""
    trace = capture(model, [LETTERS.index(letter) for letter in text])
    pattern = trace["transformer.h.0.attn.pattern"][0, 0]
    assert cell(page, 3, 1) == pytest.approx(pattern[3, 1].item(), abs=1e-6)
    expected = torch.softmax(trace.logits[0, -1].double(), -1)
    rows = page.locator("[data-role=next-token]").evaluate_all(
        "rows => rows.map(r => [Number(r.dataset.tokenId), Number(r.dataset.probability)])"
    )
    assert len(rows) == 10
    for index, probability in rows:
        assert probability == pytest.approx(expected[index].item(), abs=1e-5)


def slider(page: Page) -> None:
    page.locator("[data-role=timeline]").focus()


def test_the_slider_moves_every_number(page: Page) -> None:
    wait_for_step(page, None)
    assert_shows(page, FINAL, PROMPT)
    for key, step in (("Home", STEPS[0]), ("ArrowRight", STEPS[1]), ("ArrowRight", STEPS[2]), ("End", None)):
        slider(page)
        page.keyboard.press(key)
        wait_for_step(page, step)
        assert_shows(page, FINAL if step is None else model_at(step), PROMPT)
        name = "best model" if step is None else f"step {step}"
        assert page.locator("[data-role=timeline]").get_attribute("aria-valuetext") == name
    assert page.locator("[data-role=prompt]").input_value() == PROMPT


def test_the_page_says_which_step_it_shows(page: Page) -> None:
    header = page.locator('[data-panel="badge"] .moment')
    expect(header).to_be_hidden()
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    expect(page.locator("[data-role=moment]")).to_have_text("step 0 of 300")
    expect(header).to_have_text("step 0 of 300")
    # The parity on the screen is measured anew, of these weights.
    page.wait_for_function("() => deepQuery('[data-panel=\"badge\"]')[0].dataset.kind === 'good'")
    page.get_by_text("About this model").first.click()
    page.get_by_text("the weights of step 0 of 300").first.wait_for()
    expect(header).to_have_text("step 0 of 300")
    page.get_by_text("Explore").first.click()
    wait_for_step(page, 0)
    assert_shows(page, model_at(0), PROMPT)
    page.get_by_role("button", name="best model").click()
    wait_for_step(page, None)
    expect(header).to_be_hidden()


def test_typing_at_a_snapshot(page: Page) -> None:
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("efgh", delay=20)
    wait_for_text(page, PROMPT + "efgh")
    wait_for_step(page, 0)
    assert_shows(page, model_at(0), PROMPT + "efgh")
    slider(page)
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 10)
    assert_shows(page, model_at(10), PROMPT + "efgh")


def test_dragging_ends_where_the_pointer_does(page: Page) -> None:
    box = page.locator("[data-role=timeline]").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, y)
    page.mouse.down()
    for i in range(40):
        page.mouse.move(box["x"] + 7 + (box["width"] - 14) * (i % 20) / 20, y)
    page.mouse.move(box["x"] + 7 + (box["width"] - 14) / 3, y)
    wait_for_step(page, STEPS[1])  # live, before the button is released
    page.mouse.up()
    assert_shows(page, model_at(STEPS[1]), PROMPT)


SLIDE = """
() => {
  window.slideTo = (index) => {
    const slider = deepQuery('[data-role=timeline]')[0];
    slider.value = index;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  };
}
"""
REPORTS = {"the badge and the timeline": [True, False], "the timeline and the badge": [False, True]}


def wait_for_rest(page: Page) -> None:
    """Until the slider has its stops, and the badge has measured what is on the screen."""
    page.wait_for_function(
        """(last) => deepQuery('[data-role=timeline]')[0].max === last
            && deepQuery('[data-panel="badge"]')[0].dataset.kind === 'good'""",
        arg=str(len(STEPS)),
    )


@pytest.mark.parametrize("order", REPORTS.values(), ids=REPORTS)
def test_two_reports_of_one_moment_both_arrive(page: Page, order: list[bool]) -> None:
    """Streamlit runs the fragment of only the first of the reports that it collects, and warns of the others."""
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text))
    wait_for_rest(page)
    page.evaluate(SLIDE)
    page.evaluate(
        """(order) => order.forEach((badge) => {
          if (badge) window.dispatchEvent(new CustomEvent('gptscope:rested', { detail: 'never measured' }));
          else slideTo(0);
        })""",
        order,
    )
    wait_for_step(page, 0)
    assert_shows(page, model_at(0), PROMPT)
    assert not [text for text in warnings if "fragmentIds" in text]


def test_a_move_that_got_lost_is_asked_for_again_before_the_badge_is(page: Page) -> None:
    wait_for_rest(page)
    page.evaluate(SLIDE)
    page.evaluate(
        """() => {
          const prompt = deepQuery('[data-panel="prompt"]')[0];
          window.rested = [];
          window.addEventListener('gptscope:rested', () => window.rested.push(prompt.dataset.step));
          const observer = new MutationObserver(() => {
            if (prompt.dataset.step !== '10') return;
            observer.disconnect();
            const { send } = WebSocket.prototype;
            WebSocket.prototype.send = () => { // loses one message
              WebSocket.prototype.send = send;
              window.lost = true;
            };
            slideTo(0);
          });
          observer.observe(prompt, { attributes: true, attributeFilter: ['data-step'] });
          slideTo(1);
        }"""
    )
    wait_for_step(page, 0)
    assert page.evaluate("window.lost")
    assert_shows(page, model_at(0), PROMPT)
    page.wait_for_function("window.rested.length > 0")
    assert page.evaluate("window.rested") == ["0"]


def test_it_plays_to_the_end_and_stops(page: Page) -> None:
    seen = """() => {
      window.seen = [];
      const strip = deepQuery('[data-panel="timeline"]')[0];
      new MutationObserver(() => window.seen.at(-1) === strip.dataset.step || window.seen.push(strip.dataset.step))
        .observe(strip, { attributes: true, attributeFilter: ['data-step'] });
    }"""
    page.evaluate(seen)
    page.get_by_role("button", name="Play the training").click()
    wait_for_step(page, STEPS[0])
    wait_for_step(page, None)
    assert page.evaluate("window.seen") == [*map(str, STEPS), "final"]
    page.get_by_role("button", name="Play the training").wait_for()
    page.get_by_role("button", name="Play the training").click()
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(800)
    assert page.locator('[data-panel="timeline"]').get_attribute("data-step") in ("0", "10")


def test_the_score_under_the_slider_is_the_index_s(page: Page, folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.locator('[data-layer="2"][data-head="1"]').click()
    page.locator('[data-panel="timeline"] select').select_option("previous")
    score = page.locator('[data-panel="timeline"] .score')
    expect(score).to_have_attribute("title", str(lines[0]["heads"]["previous"][2][1]))
    curve = page.locator('[data-panel="timeline"] path.curve.head:not(.faint)').get_attribute("d") or ""
    assert curve.count("L") == len(STEPS) - 1
    expect(page.locator('[data-panel="timeline"] .side')).to_contain_text("val loss 3.1")


def test_a_broken_snapshot_leaves_the_last_good_view(launched: BrowserContext, tmp_path: Path) -> None:
    folder = write_history(tmp_path / "model")
    (folder / FOLDER / "0000010.safetensors").write_bytes(b"nonsense")
    with server(str(folder)) as (url, _):
        page = open_page(launched, url)
        page.locator("[data-role=prompt]").fill(PROMPT)
        wait_for_text(page, PROMPT)
        slider(page)
        page.keyboard.press("Home")
        wait_for_step(page, 0)
        page.keyboard.press("ArrowRight")
        page.get_by_text("Step 10 cannot be.").first.wait_for()
        wait_for_step(page, 0)
        assert_shows(page, model_at(0), PROMPT)
        assert page.locator("[data-role=timeline]").input_value() == "0"
        page.get_by_role("button", name="Play the training").click()
        page.get_by_role("button", name="Play the training").wait_for()  # it stops, and asks no more
        slider(page)
        page.keyboard.press("End")
        wait_for_step(page, None)
        expect(page.get_by_text("Step 10 cannot be.")).to_have_count(0)
        page.close()


def test_snapshots_appear_while_a_run_is_written(launched: BrowserContext, tmp_path: Path) -> None:
    folder = write_history(tmp_path / "model")
    (folder / "metrics.jsonl").touch()
    with server(str(folder)) as (url, _):
        page = open_page(launched, url)
        page.locator("[data-role=prompt]").fill(PROMPT)
        wait_for_text(page, PROMPT)
        write_snapshot(folder, 250)
        page.wait_for_function("() => deepQuery('[data-role=timeline]')[0].max === '4'")
        slider(page)
        page.keyboard.press("ArrowLeft")
        wait_for_step(page, 250)
        assert_shows(page, model_at(250), PROMPT)
        page.close()
    assert load(folder).config == FINAL.config


def test_another_model_has_no_timeline(page: Page, tmp_path: Path) -> None:
    last_years_checkpoint(tmp_path)
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    upload(page, tmp_path / "ckpt.pt", tmp_path / "meta.pkl")
    page.wait_for_function("() => deepQuery('[data-panel=\"timeline\"]').length === 0")
    assert page.evaluate("document.documentElement.style.getPropertyValue('--gs-timeline-height')") == ""
    expect(page.locator('[data-panel="badge"] .moment')).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1440, 900), ("dark", 900, 1000)])
def test_nothing_needs_scrolling(launched: BrowserContext, address: str, scheme: str, width: int, height: int) -> None:
    page = open_page(launched, address, width, height, scheme)
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.wait_for_timeout(500)  # for fonts and transitions
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=os.fspath(ARTEFACTS / f"timeline-{scheme}-{width}.png"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    for name in (*PANELS, "timeline", "prompt"):
        box = page.locator(f'[data-panel="{name}"]').bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height, name
    page.close()
