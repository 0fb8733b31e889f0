"""Scrubbing through a training in real Chromium: every number moves, and is the one that gptcore gives for the step."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from gptcore import GPT, capture, load
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from tests.app.test_timeline import LETTERS, STEPS, model_at, write_history, write_snapshot
from tests.browser.driver import (
    PANELS,
    chromium,
    link_to,
    open_page,
    pick_head,
    put_away,
    wait_for_rest,
    wait_for_text,
    wait_until,
)
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


@pytest.fixture
def history(address: str, folder: Path) -> str:
    """The address of the model that has snapshots."""
    return link_to(address, folder)


@pytest.fixture
def page(launched: BrowserContext, history: str) -> Iterator[Page]:
    opened = open_page(launched, history)
    opened.locator("[data-role=prompt]").fill(PROMPT)
    wait_for_text(opened, PROMPT)
    yield opened
    put_away(opened)


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str, folder: Path) -> Iterator[Page]:
    opened = open_page(launched, link_to(address, folder))
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    """One page, with the strip open, for the tests that change no more than its step, score and head."""
    one.bring_to_front()  # of the tabs of other tests
    slider(one)
    return one


def wait_for_step(page: Page, step: int | None) -> None:
    """Until every panel has painted the numbers of these very weights."""
    wait_until(
        page,
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


STOPS = (STEPS[0], STEPS[1], None, STEPS[2])
"""The slider's: the opened weights are of step 150, and stand there."""


def slider(page: Page) -> None:
    page.locator("[data-role=timeline]").focus()


def strip(page: Page) -> Locator:
    return page.locator('[data-panel="timeline"]')


def box_of(page: Page) -> tuple[float, float]:
    """Top and height of what is drawn of the strip."""
    box = strip(page).locator(".box").bounding_box()
    assert box is not None
    return box["y"], box["height"]


def others(page: Page) -> dict[str, dict[str, float]]:
    """The place of every other panel."""
    found: dict[str, dict[str, float]] = page.evaluate(
        """() => Object.fromEntries(deepQuery('[data-panel]').filter((p) => p.dataset.panel !== 'timeline')
            .map((p) => [p.dataset.panel, p.getBoundingClientRect().toJSON()]))"""
    )
    return found


IS_STRIP = """([x, y]) => {
  let found = document.elementFromPoint(x, y);
  for (;;) {
    const inner = found.shadowRoot?.elementFromPoint(x, y);
    if (!inner || inner === found) return found.closest('.rail') !== null;
    found = inner;
  }
}"""
"""Function that tells if a point of the window is of the strip, with nothing over it."""


def test_it_opens_upwards_and_the_panels_stay_where_they_are_and_end_above_it(page: Page) -> None:
    wait_for_step(page, None)
    window = page.viewport_size
    assert window is not None
    room = strip(page).bounding_box()
    top, height = box_of(page)
    assert height == 34
    before = others(page)
    page.get_by_role("button", name="Play the training").click()
    page.get_by_role("button", name="Pause").click()
    wait_for_step(page, STEPS[0])
    opened, tall = box_of(page)
    assert tall == 110
    assert opened + tall == pytest.approx(top + height)
    assert top + height <= window["height"]
    # Nothing clips it: what lies at its upper edge is the strip.
    x = strip(page).locator(".chart svg").evaluate("(node) => node.getBoundingClientRect().x + 150")
    assert page.evaluate(IS_STRIP, [x, opened + 4])
    assert strip(page).bounding_box() == room
    there = others(page)
    places = [
        {name: [panel[side] for side in ("x", "y", "width")] for name, panel in all_.items() if name != "lens"}
        for all_ in (before, there)
    ]
    assert places[0] == places[1]
    for name in ("map", "prediction", "lens"):
        assert there[name]["bottom"] <= opened < before["lens"]["bottom"], name
    page.get_by_role("button", name="Close the training").click()
    assert box_of(page) == (top, height)
    assert others(page) == before
    strip(page).locator(".title").click()
    assert box_of(page)[1] == 110


def test_the_keyboard_opens_it_and_escape_closes_it(page: Page) -> None:
    wait_for_step(page, None)
    before = others(page)
    slider(page)
    assert box_of(page)[1] == 110
    assert others(page) == before
    page.locator("[data-role=prompt]").focus()  # the focus has only passed through
    assert box_of(page)[1] == 34
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.keyboard.press("Escape")
    assert box_of(page)[1] == 34
    page.keyboard.press("ArrowRight")  # the focus has stayed, and a move opens it
    wait_for_step(page, 10)
    assert box_of(page)[1] == 110
    page.locator("[data-role=prompt]").focus()  # it was used
    assert box_of(page)[1] == 110


FOCUSED = """() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found.getAttribute('aria-label') ?? found.textContent;
}"""


def test_the_strip_is_one_stop_with_arrows_inside(kept: Page) -> None:
    page = kept
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    seen = [page.evaluate(FOCUSED)]
    for _ in range(20):
        page.keyboard.press("ArrowDown")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == seen[0]:
            break
    wanted = ["Step of the training", "Close the training", "Score of the heads", "best model", "Speed 2×", "Pause"]
    assert set(wanted[:-1]) <= set(seen) and "Play the training" in seen
    assert len(set(seen)) == len(seen) - 1  # each once, and around
    assert page.locator("[data-role=timeline]").input_value() == "0"  # these arrows move no step
    page.keyboard.press("ArrowUp")
    assert page.evaluate(FOCUSED) == seen[-2]
    inside = "() => deepQuery('[data-panel=timeline]')[0].contains(deepQuery(':focus').at(-1))"
    slider(page)
    page.keyboard.press("Tab")
    assert not page.evaluate(inside)


def test_targets_are_high_enough_and_no_text_is_small(kept: Page) -> None:
    page = kept
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    high = (
        strip(page)
        .locator("button, select")
        .evaluate_all("all => all.map((one) => [one.textContent, one.getBoundingClientRect().height])")
    )
    assert len(high) >= 8
    assert [each for each in high if each[1] < 24] == []
    sizes = (
        strip(page)
        .locator("text, span, strong, button, select, output")
        .evaluate_all(
            "all => all.filter((one) => one.textContent).map((one) => parseFloat(getComputedStyle(one).fontSize))"
        )
    )
    assert min(sizes) >= 12
    names = strip(page).locator("text.name").evaluate_all("all => all.map((n) => n.getBoundingClientRect().toJSON())")
    assert len(names) == 5  # two losses, accuracy, the head and the others
    names.sort(key=lambda box: box["y"])
    assert all(one["y"] + 12 <= other["y"] for one, other in itertools.pairwise(names))


def test_the_values_under_the_cursor_are_the_index_s(kept: Page, folder: Path) -> None:
    page = kept
    lines = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    strip(page).locator("select").select_option("previous")
    box = page.locator("[data-role=timeline]").bounding_box()
    assert box is not None
    reading = strip(page).locator("[data-role=reading]")
    for stop, line in ((0, lines[0]), (1, lines[1]), (3, lines[2])):
        x = box["x"] + 7 + (box["width"] - 14) * (stop + 0.3 * (-1) ** stop) / 3  # nearer to this one
        script = "all => all.map((n) => [n.dataset.series, n.dataset.value])"
        for _ in range(50):  # until the server has answered for this score
            page.mouse.move(x, box["y"] + 29)
            page.mouse.move(x, box["y"] + 30)
            expect(reading.locator("strong")).to_have_text(f"step {line['step']}")
            told = dict(reading.locator("[data-series]").evaluate_all(script))
            if float(told["head"]) == pytest.approx(line["heads"]["previous"][0][0], abs=1e-6):
                break
            page.wait_for_timeout(100)
        assert float(told["val_loss"]) == line["val_loss"]
        assert float(told["train_loss"]) == line["train_loss"]
        assert float(told["val_accuracy"]) == line["val_accuracy"]
        assert float(told["head"]) == pytest.approx(line["heads"]["previous"][0][0], abs=1e-6)
    page.mouse.move(box["x"] + 7 + (box["width"] - 14) * 2 / 3, box["y"] + 30)
    expect(reading.locator("strong")).to_have_text("best, step 150")
    expect(reading.locator(".val_loss")).to_have_text("val loss 0.7500")
    page.mouse.move(5, 5)
    expect(reading).to_be_hidden()


def test_the_strongest_head_is_chosen(page: Page, folder: Path) -> None:
    line = json.loads((folder / FOLDER / INDEX).read_text().splitlines()[1])
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 10)
    best = {kind: divmod(int(torch.tensor(scores).argmax()), 2) for kind, scores in line["heads"].items()}
    kind = next(kind for kind, place in best.items() if place != (0, 0))  # head 0.0 is chosen already
    strip(page).locator("select").select_option(kind)
    layer, head = best[kind]
    button = strip(page).locator("[data-role=strongest]")
    expect(button).to_have_text(f"strongest head {layer}.{head}")
    button.click()
    score = strip(page).locator(".score")
    expect(score).to_have_attribute("title", str(line["heads"][kind][layer][head]))
    expect(page.locator(f'[data-role=plot][data-layer="{layer}"][data-head="{head}"]')).to_have_count(1)
    expect(button).to_be_disabled()
    wait_for_step(page, 10)


def test_the_closed_strip_has_a_dot_where_one_is(page: Page) -> None:
    wait_for_step(page, None)
    path = strip(page).locator("path.thin").get_attribute("d") or ""
    points = [[float(x) for x in point.split()] for point in path.removeprefix("M").replace("h0.01", "").split("L")]
    assert len(points) == len(STOPS)
    heights = [-y for _, y in points]
    assert heights[0] > heights[1] > heights[3] > heights[2]  # 3.1, 3.0, 1.1 and 0.75
    dot = strip(page).locator(".dot")
    assert [float(dot.get_attribute(name) or 0) for name in ("cx", "cy")] == pytest.approx(points[2], abs=0.1)


def test_the_slider_moves_every_number(page: Page) -> None:
    wait_for_step(page, None)
    assert_shows(page, FINAL, PROMPT)
    for key, step in (("Home", 0), ("ArrowRight", 10), ("ArrowRight", None), ("End", 200), ("ArrowLeft", None)):
        slider(page)
        page.keyboard.press(key)
        wait_for_step(page, step)
        assert_shows(page, FINAL if step is None else model_at(step), PROMPT)
        name = "best model" if step is None else f"step {step}"
        assert page.locator("[data-role=timeline]").get_attribute("aria-valuetext") == name
    assert page.locator("[data-role=prompt]").input_value() == PROMPT


def test_the_page_says_which_step_it_shows(page: Page) -> None:
    header = page.locator('[data-panel="parity_badge"] .moment')
    expect(header).to_be_hidden()
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    expect(page.locator("[data-role=moment]")).to_have_text("step 0 of 300")
    expect(header).to_have_text("step 0 of 300")
    # The parity on the screen is measured anew, of these weights.
    wait_until(page, "() => deepQuery('[data-panel=\"parity_badge\"]')[0].dataset.kind === 'good'")
    page.get_by_text("About this model").first.click()
    page.get_by_text("the weights of step 0 of 300").first.wait_for()
    expect(header).to_have_text("step 0 of 300")
    page.get_by_text("Explore").first.click()
    wait_for_step(page, 0)
    assert_shows(page, model_at(0), PROMPT)
    slider(page)
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
    assert box_of(page)[1] == 110
    wait_for_step(page, STEPS[1])  # live, before the button is released
    page.mouse.up()
    wait_for_rest(page)  # the pointer was here before, and what it passed since may still be on its way
    wait_for_step(page, STEPS[1])
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


def wait_for_stops(page: Page) -> None:
    """Until the slider has its stops, and the badge has measured what is on the screen."""
    wait_until(
        page,
        """(last) => deepQuery('[data-role=timeline]')[0].max === last
            && deepQuery('[data-panel="parity_badge"]')[0].dataset.kind === 'good'""",
        arg=str(len(STEPS)),
    )


@pytest.mark.parametrize("order", REPORTS.values(), ids=REPORTS)
def test_two_reports_of_one_moment_both_arrive(page: Page, order: list[bool]) -> None:
    """Streamlit runs the fragment of only the first of the reports that it collects, and warns of the others."""
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text))
    wait_for_stops(page)
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
    wait_for_stops(page)
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
    wait_until(page, "window.rested.length > 0")
    assert page.evaluate("window.rested") == ["0"]


def test_it_plays_to_the_end_and_stops(page: Page) -> None:
    seen = """() => {
      window.seen = [];
      const strip = deepQuery('[data-panel="timeline"]')[0];
      new MutationObserver(() => window.seen.at(-1) === strip.dataset.step || window.seen.push(strip.dataset.step))
        .observe(strip, { attributes: true, attributeFilter: ['data-step'] });
    }"""
    slider(page)
    page.keyboard.press("End")
    wait_for_step(page, STEPS[-1])
    page.evaluate(seen)
    page.get_by_role("button", name="Speed 2×").click()
    page.get_by_role("button", name="Play the training").click()
    wait_for_step(page, STEPS[0])
    wait_for_step(page, STEPS[-1])
    assert page.evaluate("window.seen") == ["0", "10", "final", "200"]
    page.get_by_role("button", name="Play the training").wait_for()
    page.get_by_role("button", name="Play the training").click()
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(800)
    assert page.locator('[data-panel="timeline"]').get_attribute("data-step") in ("0", "10")


def test_from_the_model_that_was_opened_it_plays_from_the_first_snapshot(page: Page) -> None:
    """One snapshot comes behind that model: the button once seemed to do nothing."""
    assert page.locator('[data-panel="timeline"]').get_attribute("data-step") == "final"
    slider(page)
    page.get_by_role("button", name="Speed 2×").click()
    page.get_by_role("button", name="Play the training").click()
    wait_for_step(page, STEPS[0])
    wait_for_step(page, STEPS[-1])


BEATS = """() => {
  window.beats = [];
  const { setInterval: real } = window;
  // It stays where it is, and so never comes to the end while the speeds are chosen.
  window.setInterval = (does, ms) => { window.beats.push(ms); return real(() => {}, ms); };
}"""


def test_there_are_three_speeds(page: Page) -> None:
    page.evaluate(BEATS)
    page.get_by_role("button", name="Play the training").click()
    for name in ("Speed 2×", "Speed ½×", "Speed 1×"):
        button = page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    assert page.locator('[data-speed][aria-pressed="true"]').count() == 1
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("window.beats") == [1500, 750, 3000, 1500]  # four stops: not longer


def test_the_score_under_the_slider_is_the_index_s(kept: Page, folder: Path) -> None:
    page = kept
    lines = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.keyboard.press("Escape")  # for the open strip lies over the heads
    pick_head(page, 2, 1)
    slider(page)
    page.locator('[data-panel="timeline"] select').select_option("previous")
    score = page.locator('[data-panel="timeline"] .score')
    expect(score).to_have_attribute("title", str(lines[0]["heads"]["previous"][2][1]))
    curve = page.locator('[data-panel="timeline"] path.curve.head:not(.faint)').get_attribute("d") or ""
    assert curve.count("L") == len(STEPS) - 1  # it passes over the opened weights, whose scores nobody measured
    expect(page.locator('[data-panel="timeline"] .side')).to_contain_text("val loss 3.1")


def test_a_broken_snapshot_leaves_the_last_good_view(launched: BrowserContext, address: str, tmp_path: Path) -> None:
    folder = write_history(tmp_path / "model")
    for step in (270, 280):  # of which the server has seen none, by their hashes
        write_snapshot(folder, step)
    (folder / FOLDER / "0000270.safetensors").write_bytes(b"nonsense")
    page = open_page(launched, link_to(address, folder))
    page.locator("[data-role=prompt]").fill(PROMPT)
    wait_for_text(page, PROMPT)
    slider(page)
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 200)
    page.keyboard.press("ArrowRight")
    page.get_by_text("Step 270 cannot be.").first.wait_for()
    wait_for_step(page, 200)
    assert_shows(page, model_at(200), PROMPT)
    assert page.locator("[data-role=timeline]").input_value() == "3"
    page.get_by_role("button", name="Play the training").click()
    page.get_by_role("button", name="Play the training").wait_for()  # it stops, and asks no more
    page.get_by_role("button", name="best model").click()
    wait_for_step(page, None)
    expect(page.get_by_text("Step 270 cannot be.")).to_have_count(0)
    put_away(page)


def test_snapshots_appear_while_a_run_is_written(launched: BrowserContext, address: str, tmp_path: Path) -> None:
    folder = write_history(tmp_path / "model")
    (folder / "metrics.jsonl").touch()
    page = open_page(launched, link_to(address, folder))
    page.locator("[data-role=prompt]").fill(PROMPT)
    wait_for_text(page, PROMPT)
    write_snapshot(folder, 250)
    wait_until(page, "() => deepQuery('[data-role=timeline]')[0].max === '4'")
    slider(page)
    page.keyboard.press("End")
    wait_for_step(page, 250)
    assert_shows(page, model_at(250), PROMPT)
    put_away(page)
    assert load(folder).config == FINAL.config


def test_another_model_has_no_timeline(page: Page, tmp_path: Path) -> None:
    last_years_checkpoint(tmp_path)
    slider(page)
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    upload(page, tmp_path / "ckpt.pt", tmp_path / "meta.pkl")
    wait_until(page, "() => deepQuery('[data-panel=\"timeline\"]').length === 0")
    assert page.evaluate("document.documentElement.style.getPropertyValue('--gs-timeline-height')") == ""
    expect(page.locator('[data-panel="parity_badge"] .moment')).to_be_hidden()


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [pytest.param("light", 1440, 900, marks=pytest.mark.slow), ("dark", 900, 1000)]
)
def test_nothing_needs_scrolling(launched: BrowserContext, history: str, scheme: str, width: int, height: int) -> None:
    page = open_page(launched, history, width, height, scheme)
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
    put_away(page)
