"""The app in real Chromium, as a person uses it; every number is compared with what gptcore computes here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, Trace, capture, load
from tests.browser.driver import (
    ROOT,
    chromium,
    draw_diagram,
    open_address,
    open_page,
    pick_head,
    put_away,
    server,
    wait_for_text,
    wait_until,
)

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
ARTEFACTS = Path(os.environ.get("GPTSCOPE_ARTEFACTS", ROOT / "tests" / "artefacts"))
"""The folder of screenshots."""


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_page(launched, address)
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    """One page for the tests that change no more than its prompt, which is the first one again."""
    one.bring_to_front()  # of the tabs of other tests
    one.locator("[data-role=prompt]").fill(PROMPT)
    wait_for_text(one, PROMPT)
    return one


def run_of(checkpoint: Checkpoint, text: str) -> Trace:
    return capture(checkpoint.model, checkpoint.tokenizer.encode(text)[-checkpoint.config.block_size :])


def assert_prediction(page: Page, checkpoint: Checkpoint, text: str, temperature: float = 1.0) -> None:
    """The rows on the screen are the softmax of the logits of a fresh run."""
    logits = run_of(checkpoint, text).logits[0, -1].double()
    expected = torch.softmax(logits / temperature, -1)
    rows = page.locator("[data-role=next-token]")
    shown = rows.evaluate_all("rows => rows.map(r => [Number(r.dataset.tokenId), Number(r.dataset.probability)])")
    assert len(shown) == 10
    assert sorted((p for _, p in shown), reverse=True) == [p for _, p in shown]
    for index, probability in shown:
        assert abs(probability - expected[index].item()) < 1e-5


def test_the_first_second_shows_the_truth(page: Page, shakespeare: Checkpoint) -> None:
    wait_for_text(page, PROMPT)
    assert_prediction(page, shakespeare, PROMPT)
    assert page.locator("[data-token-index]").count() == len(PROMPT)
    assert page.locator('[data-panel="attention"] [data-head]').count() == shakespeare.config.n_head
    assert page.locator("[data-role=lens-row]").count() == shakespeare.config.n_layer + 1
    for name in ("transformer.wte", "transformer.h.0.attn.pattern", "transformer.h.3", "lm_head"):
        assert page.locator(f'[data-panel="map"] [data-node="{name}"]').is_visible()
    draw_diagram(page)
    assert page.locator('[data-node="transformer.h"] text.shape').text_content() == f"(1, {len(PROMPT)}, 256)"


def boxes(page: Page) -> dict[str, dict[str, float]]:
    """Return where the panels and the plot stand."""
    script = """() => Object.fromEntries(["map", "attention", "inspector", "prediction", "lens", "node"].map((name) => [
        name, deepQuery(`[data-panel="${name}"]`)[0].getBoundingClientRect().toJSON(),
    ]).concat([["plot", deepQuery('[data-role="plot"]')[0].getBoundingClientRect().toJSON()]]))"""
    found: dict[str, dict[str, float]] = page.evaluate(script)
    return found


@pytest.mark.parametrize(("width", "height", "side"), [(1440, 900, 520), (1280, 720, 400)])
def test_nothing_needs_scrolling_and_the_tensor_has_the_room(
    launched: BrowserContext, address: str, width: int, height: int, side: int
) -> None:
    page = open_page(launched, address, width, height)
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    for name, box in boxes(page).items():
        assert box["bottom"] <= height and box["right"] <= width, name
    plot = boxes(page)["plot"]
    assert plot["width"] == plot["height"] >= side
    put_away(page)


def test_nothing_moves_while_one_types(kept: Page) -> None:
    page = kept
    before = boxes(page)
    chips = page.locator("[data-token-index]").first.bounding_box()
    for text in ("T", PROMPT + "e", PROMPT * 5, "To be, or not to be, that is the question. " * 7):
        page.locator("[data-role=prompt]").fill(text)
        wait_for_text(page, text)
        assert boxes(page) == before, text
        found = page.locator("[data-token-index]").last.bounding_box()
        assert found is not None and chips is not None
        assert (found["height"], found["y"]) == (chips["height"], chips["y"])


def test_what_was_appended_can_be_undone(page: Page) -> None:
    page.keyboard.press("Control+End")
    page.keyboard.type("e")
    wait_for_text(page, PROMPT + "e")
    page.locator("[data-role=next-token]").first.click()
    wait_until(page, "(n) => deepQuery('[data-role=prompt]')[0].value.length === n", arg=len(PROMPT) + 2)
    appended = page.locator("[data-role=prompt]").input_value()
    wait_for_text(page, appended)
    page.locator("[data-role=prompt]").focus()
    page.keyboard.press("Control+z")
    wait_for_text(page, PROMPT + "e")


@pytest.mark.parametrize("temperature", [0.6, pytest.param(1.7, marks=pytest.mark.slow)])
def test_the_temperature_moves_the_prediction(page: Page, shakespeare: Checkpoint, temperature: float) -> None:
    row = page.locator("[data-role=next-token]").first
    before = row.get_attribute("data-probability")
    page.get_by_role("slider", name="Temperature").fill(str(temperature))
    expect(row).not_to_have_attribute("data-probability", before or "")
    assert_prediction(page, shakespeare, PROMPT, temperature)


def test_typing_fast_loses_nothing(kept: Page, shakespeare: Checkpoint) -> None:
    page = kept
    typed = "e, that is the question:\nWhether 'tis nobler in the mind to suffer"
    area = page.locator("[data-role=prompt]")
    area.click()
    page.keyboard.press("Control+End")
    for character in typed:
        page.keyboard.insert_text(character) if character != "\n" else page.keyboard.press("Enter")
    text = PROMPT + typed
    wait_for_text(page, text)
    assert area.input_value() == text
    assert_prediction(page, shakespeare, text)
    for _ in range(30):
        page.keyboard.press("Backspace")
    wait_for_text(page, text[:-30])
    assert area.input_value() == text[:-30]
    assert_prediction(page, shakespeare, text[:-30])


def test_the_caret_stays_where_it_is(kept: Page, shakespeare: Checkpoint) -> None:
    page = kept
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("O, ", delay=30)
    wait_for_text(page, "O, " + PROMPT)
    page.keyboard.type("h", delay=30)
    wait_for_text(page, "O, h" + PROMPT)
    assert page.locator("[data-role=prompt]").input_value() == "O, h" + PROMPT
    assert_prediction(page, shakespeare, "O, h" + PROMPT)


def cell(page: Page, row: int, column: int) -> float:
    """The value that the inspector tells of one cell, reached by keyboard."""
    panel = page.locator('[data-panel="inspector"]')
    page.locator('[data-panel="inspector"] [tabindex="0"]').first.focus()
    for name, target, less, more in (("row", row, "ArrowUp", "ArrowDown"), ("col", column, "ArrowLeft", "ArrowRight")):
        page.keyboard.press(more)
        for _ in range(300):
            now = int(panel.get_attribute(f"data-{name}") or 0)
            if now == target:
                break
            page.keyboard.press(more if now < target else less)
    assert (panel.get_attribute("data-row"), panel.get_attribute("data-col")) == (str(row), str(column))
    wait_until(page, """() => deepQuery('[data-panel="inspector"]')[0].dataset.value""")
    return float(panel.get_attribute("data-value") or "nan")


def test_a_node_click_opens_its_inspector_with_the_true_value(page: Page, shakespeare: Checkpoint) -> None:
    trace = run_of(shakespeare, PROMPT)
    draw_diagram(page)
    page.locator('g.node[data-node="transformer.h"]').click()
    page.locator('g.node[data-node="transformer.h"] .open').click()
    page.locator('g.node[data-node="transformer.h.0.attn"]').wait_for()
    page.locator('g.node[data-node="transformer.h.0.ln_1"]').click()
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-name", "transformer.h.0.ln_1")
    wait_until(page, """() => deepQuery('[data-panel="inspector"]')[0].dataset.rows === '256'""")
    shown = cell(page, 5, 3)
    assert shown == pytest.approx(trace["transformer.h.0.ln_1"][0, 3, 5].item(), abs=1e-6)
    page.get_by_role("button", name="{ } code").click()
    page.get_by_text("gptcore/model.py").first.wait_for()


def test_a_locked_token_is_followed_by_every_panel(page: Page, shakespeare: Checkpoint) -> None:
    logits = run_of(shakespeare, PROMPT).logits[0, 4].double()
    chip = page.locator('[data-token-index="4"]')
    chip.click()
    expect(page.locator('[data-panel="prediction"]')).to_have_attribute("data-position", "4")
    expect(page.locator('[data-panel="lens"]')).to_have_attribute("data-position", "4")
    expect(chip).to_have_attribute("aria-pressed", "true")
    row = page.locator("[data-role=next-token]").first
    assert int(row.get_attribute("data-token-id") or -1) == int(logits.argmax())
    assert float(row.get_attribute("data-probability") or 0) == pytest.approx(logits.softmax(-1).max().item(), abs=1e-5)
    last = page.locator("[data-role=lens-row]").last
    assert float(last.get_attribute("data-probability") or 0) == pytest.approx(
        logits.softmax(-1).max().item(), abs=1e-5
    )
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("e")
    wait_for_text(page, PROMPT + "e")
    expect(page.locator('[data-panel="prediction"]')).to_have_attribute("data-position", "4")
    chip.click()
    expect(page.locator('[data-panel="prediction"]')).to_have_attribute("data-position", str(len(PROMPT)))
    expect(chip).to_have_attribute("aria-pressed", "false")
    assert_prediction(page, shakespeare, PROMPT + "e")


def test_a_head_click_shows_its_pattern(page: Page, shakespeare: Checkpoint) -> None:
    trace = run_of(shakespeare, PROMPT)
    pick_head(page, 2, 1)
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-name", "transformer.h.2.attn.pattern")
    expect(page.locator('[data-panel="map"] [data-node="transformer.h.2.attn.pattern"]')).to_be_visible()
    wait_until(page, f"""() => deepQuery('[data-panel="inspector"]')[0].dataset.cols === '{len(PROMPT)}'""")
    assert cell(page, 4, 2) == pytest.approx(trace["transformer.h.2.attn.pattern"][0, 1, 4, 2].item(), abs=1e-6)


def test_a_click_appends_the_token(kept: Page, shakespeare: Checkpoint) -> None:
    page = kept
    row = page.locator("[data-role=next-token]").first
    token = shakespeare.tokenizer.decode([int(row.get_attribute("data-token-id") or 0)])
    row.click()
    wait_for_text(page, PROMPT + token)
    assert page.locator("[data-role=prompt]").input_value() == PROMPT + token
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("!")
    wait_for_text(page, PROMPT + token + "!")
    assert_prediction(page, shakespeare, PROMPT + token + "!")


def test_an_unknown_character_is_told_and_the_last_good_view_stays(kept: Page, shakespeare: Checkpoint) -> None:
    page = kept
    area = page.locator("[data-role=prompt]")
    area.click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("é")
    page.get_by_text("LATIN SMALL LETTER E WITH ACUTE").first.wait_for()
    assert area.input_value() == PROMPT + "é"  # nothing of the user's is lost
    wait_for_text(page, PROMPT)
    page.keyboard.press("Backspace")
    page.keyboard.type("e")
    wait_for_text(page, PROMPT + "e")
    area.fill("")
    page.get_by_text("Type something").first.wait_for()
    wait_for_text(page, PROMPT + "e")
    page.keyboard.type("A")
    wait_for_text(page, "A")
    assert "Traceback" not in page.content()


def test_hostile_text_stays_text(kept: Page) -> None:
    page = kept
    hostile = "<img src=x onerror='window.hacked=1'>![a](b) $x$ :smile: "
    page.locator("[data-role=prompt]").fill("A")
    wait_for_text(page, "A")
    known = "".join(c for c in hostile if c in "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    page.locator("[data-role=prompt]").fill(known)
    wait_for_text(page, known)
    page.locator("[data-role=prompt]").fill(hostile)
    page.get_by_text("LESS-THAN SIGN").or_(page.get_by_text("'<'")).first.wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0


def test_a_text_that_is_too_long_stays_in_its_box_and_is_not_sent(page: Page) -> None:
    known = "To be, or not to be, that is the question"
    area = page.locator("[data-role=prompt]")
    area.fill(known)
    wait_for_text(page, known)
    long = "To be, or not to be. " * 1000  # 21,000 bytes
    area.fill(long)
    told = page.get_by_text("This text has 21,000 bytes or more, and 20,000 are read here: shorten it.")
    told.wait_for()
    page.locator("[data-token-index]").last.click()  # another run of the page
    wait_until(page, "deepQuery('[data-token-index][aria-pressed=true]').length === 1")
    assert told.is_visible()
    assert area.input_value() == long
    assert page.evaluate("deepQuery('[data-role=map]')[0].dataset.text") == known
    area.fill(long[:200])
    wait_for_text(page, long[:200])
    assert not told.is_visible()


@pytest.mark.slow
def test_beyond_the_context_the_first_tokens_fade(page: Page, shakespeare: Checkpoint) -> None:
    text = "To be, or not to be, that is the question. " * 7
    page.locator("[data-role=prompt]").fill(text)
    wait_for_text(page, text)
    assert_prediction(page, shakespeare, text)
    assert page.locator("[data-token-index].cropped").count() == 0  # the end is in sight
    page.locator('[data-panel="prompt"] canvas.overview').click(position={"x": 28, "y": 12})  # near the beginning
    cropped = len(text) - shakespeare.config.block_size
    script = "chips => chips.map(chip => [Number(chip.dataset.tokenIndex), chip.matches('.cropped')])"
    shown = page.locator("[data-token-index]").evaluate_all(script)
    assert {faded for _, faded in shown} == {True, False}
    assert [faded for _, faded in shown] == [index < cropped for index, _ in shown]
    page.get_by_text(f"sees the last 256 of {len(text)} tokens").first.wait_for()


def test_the_keyboard_alone_reaches_a_head(page: Page) -> None:
    panel = page.locator('[data-panel="node"]')
    page.locator('button[data-layer="0"][data-head="0"]').focus()
    page.keyboard.press("ArrowDown")  # the film: the heads of this block
    page.keyboard.press("Enter")
    expect(panel).to_have_attribute("data-head", "1")
    page.locator('[data-panel="inspector"]').get_by_role("button", name="heads", exact=True).press("Enter")
    page.locator('button[data-layer="1"][data-head="0"]').wait_for()
    page.locator('button[data-layer="0"][data-head="0"]').focus()
    page.keyboard.press("ArrowDown")  # the grid: a row for each block
    page.keyboard.press("Enter")
    expect(panel).to_have_attribute("data-name", "transformer.h.1.attn.pattern")
    page.get_by_role("button", name="Diagram", exact=True).press("Enter")
    node = page.locator('g.node[data-node="transformer.h.1.attn.scores"]')
    node.focus()
    page.keyboard.press("Enter")
    expect(panel).to_have_attribute("data-name", "transformer.h.1.attn.scores")
    node.focus()
    page.keyboard.press("Escape")
    page.locator('g.node[data-node="transformer.h.1.attn.c_attn"]').wait_for()


@pytest.mark.slow
def test_weights_are_inspected_in_the_same_way(page: Page, shakespeare: Checkpoint) -> None:
    page.locator('[data-panel="map"] [data-node="lm_head"]').click()
    page.locator('[data-panel="node"]').get_by_role("button", name="weight", exact=True).click()
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-name", "lm_head.weight")
    wait_until(page, """() => deepQuery('[data-panel="inspector"]')[0].dataset.rows === '65'""")
    assert cell(page, 2, 3) == pytest.approx(shakespeare.model.lm_head.weight[2, 3].item(), abs=1e-6)


@pytest.mark.slow
def test_the_other_page_and_back(page: Page) -> None:
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("ee")
    wait_for_text(page, PROMPT + "ee")
    page.get_by_text("About this model").first.click()
    page.locator("table").first.wait_for()
    assert not page.locator("thead:visible").filter(has_not_text=re.compile(r"\w")).count()  # Markdown's empty header
    page.get_by_text("parameters").first.wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    page.get_by_text("Explore").first.click()
    wait_for_text(page, PROMPT + "ee")
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("!")
    wait_for_text(page, PROMPT + "ee!")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (900, 1000)])
def test_screenshots(launched: BrowserContext, address: str, scheme: str, width: int, height: int) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page = open_page(launched, address, width, height, scheme)
    page.get_by_role("button", name="Tensor", exact=True).or_(page.locator("[data-role=map]")).first.wait_for()
    page.locator('button[data-layer="0"][data-head="2"]').click()
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-head", "2")
    wait_for_text(page, PROMPT)
    page.wait_for_timeout(500)  # for fonts and transitions
    target = ARTEFACTS / f"explore-{scheme}-{width}.png"
    page.screenshot(path=target)
    assert target.stat().st_size > 30_000
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    put_away(page)


@pytest.mark.slow
def test_a_report_behind_the_choice_of_another_page_does_not_clear_it(page: Page) -> None:
    page.evaluate(
        """() => {
            const links = [...document.querySelectorAll('[data-testid="stTopNavLink"]')];
            links.find((link) => link.href.endsWith("training")).click();
            window.dispatchEvent(new CustomEvent("gptscope:rested", { detail: "what the badge has not measured" }));
        }"""
    )
    section = page.get_by_text("Curves of a training")
    section.wait_for()
    page.wait_for_timeout(2000)  # for the answer to the report, behind which the page was empty
    expect(section).to_be_visible()


@pytest.mark.slow
def test_a_missing_checkpoint_is_a_friendly_sentence_and_the_usual_model_is_offered(launched: BrowserContext) -> None:
    with server("no/such/model") as (url, _):
        page = open_address(launched, url)
        page.get_by_text("could not be loaded").first.wait_for(timeout=60_000)
        assert "Traceback" not in page.content()
        page.get_by_role("button", name="Open fairytales instead").click()
        page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=60_000)
        usual = load("fairytales")
        expect(page.locator("[data-role=prompt]")).to_have_value(usual.info["prompt"])
        page.locator("[data-role=next-token]").last.wait_for(timeout=60_000)
        assert_prediction(page, usual, usual.info["prompt"])
        put_away(page)
