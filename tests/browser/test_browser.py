"""The app in real Chromium, as a person uses it; every number is compared with what gptcore computes here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, Trace, capture, load
from tests.browser.driver import ROOT, chromium, open_page, server, wait_for_text

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
ARTEFACTS = Path(os.environ.get("GPTSCOPE_ARTEFACTS", ROOT / "tests" / "artefacts"))
"""Where screenshots are kept."""


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
    heads = shakespeare.config.n_layer * shakespeare.config.n_head
    assert page.locator("[data-layer][data-head]").count() == heads
    assert page.locator('[data-node="transformer.h"] text.shape').text_content() == f"(1, {len(PROMPT)}, 256)"


def test_nothing_needs_scrolling_at_1440_by_900(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    for name in ("map", "attention", "inspector", "prediction"):
        box = page.locator(f'[data-panel="{name}"]').bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, name


def test_what_was_appended_can_be_undone(page: Page) -> None:
    page.keyboard.press("Control+End")
    page.keyboard.type("e")
    wait_for_text(page, PROMPT + "e")
    page.locator("[data-role=next-token]").first.click()
    page.wait_for_function("(n) => deepQuery('[data-role=prompt]')[0].value.length === n", arg=len(PROMPT) + 2)
    appended = page.locator("[data-role=prompt]").input_value()
    wait_for_text(page, appended)
    page.locator("[data-role=prompt]").focus()
    page.keyboard.press("Control+z")
    wait_for_text(page, PROMPT + "e")


@pytest.mark.parametrize("temperature", [0.6, 1.7])
def test_the_temperature_moves_the_prediction(page: Page, shakespeare: Checkpoint, temperature: float) -> None:
    row = page.locator("[data-role=next-token]").first
    before = row.get_attribute("data-probability")
    page.get_by_role("slider", name="Temperature").fill(str(temperature))
    expect(row).not_to_have_attribute("data-probability", before or "")
    assert_prediction(page, shakespeare, PROMPT, temperature)


def test_typing_fast_loses_nothing(page: Page, shakespeare: Checkpoint) -> None:
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


def test_the_caret_stays_where_it_is(page: Page, shakespeare: Checkpoint) -> None:
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
    page.wait_for_function("""() => deepQuery('[data-panel="inspector"]')[0].dataset.value""")
    return float(panel.get_attribute("data-value") or "nan")


def test_a_node_click_opens_its_inspector_with_the_true_value(page: Page, shakespeare: Checkpoint) -> None:
    trace = run_of(shakespeare, PROMPT)
    page.locator('[data-node="transformer.h"]').click()
    page.locator('[data-node="transformer.h"] .open').click()
    page.locator('[data-node="transformer.h.0.attn"]').wait_for()
    page.locator('[data-node="transformer.h.0.ln_1"]').click()
    page.get_by_text("transformer.h.0.ln_1", exact=True).first.wait_for()
    page.wait_for_function("""() => deepQuery('[data-panel="inspector"]')[0].dataset.cols === '256'""")
    shown = cell(page, 3, 5)
    assert shown == pytest.approx(trace["transformer.h.0.ln_1"][0, 3, 5].item(), abs=1e-6)
    assert page.get_by_text("gptcore/model.py").count() >= 1


def test_a_head_click_shows_its_pattern(page: Page, shakespeare: Checkpoint) -> None:
    trace = run_of(shakespeare, PROMPT)
    page.locator('[data-layer="2"][data-head="1"]').click()
    page.get_by_text("transformer.h.2.attn.pattern", exact=True).first.wait_for()
    page.locator('[data-node="transformer.h.2.attn.pattern"]').wait_for()
    page.wait_for_function(f"""() => deepQuery('[data-panel="inspector"]')[0].dataset.cols === '{len(PROMPT)}'""")
    assert cell(page, 4, 2) == pytest.approx(trace["transformer.h.2.attn.pattern"][0, 1, 4, 2].item(), abs=1e-6)


def test_a_click_appends_the_token(page: Page, shakespeare: Checkpoint) -> None:
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


def test_an_unknown_character_is_told_and_the_last_good_view_stays(page: Page, shakespeare: Checkpoint) -> None:
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


def test_hostile_text_stays_text(page: Page) -> None:
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


def test_beyond_the_context_the_first_tokens_fade(page: Page, shakespeare: Checkpoint) -> None:
    text = "To be, or not to be, that is the question. " * 7
    page.locator("[data-role=prompt]").fill(text)
    wait_for_text(page, text)
    assert_prediction(page, shakespeare, text)
    faded = page.locator("[data-token-index].cropped").count()
    assert faded == len(text) - shakespeare.config.block_size
    page.get_by_text(f"sees the last 256 of {len(text)} tokens").first.wait_for()


def test_the_keyboard_alone_reaches_a_head(page: Page) -> None:
    page.locator('[data-layer="0"][data-head="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("transformer.h.1.attn.pattern", exact=True).first.wait_for()
    node = page.locator('[data-node="transformer.h.1.attn.scores"]')
    node.focus()
    page.keyboard.press("Enter")
    page.get_by_text("transformer.h.1.attn.scores", exact=True).first.wait_for()
    node.focus()
    page.keyboard.press("Escape")
    page.locator('[data-node="transformer.h.1.attn.c_attn"]').wait_for()


def test_weights_are_inspected_in_the_same_way(page: Page, shakespeare: Checkpoint) -> None:
    page.locator('[data-node="lm_head"]').click()
    page.get_by_text("weight", exact=True).first.click()
    page.get_by_text("lm_head.weight", exact=True).first.wait_for()
    page.wait_for_function("""() => deepQuery('[data-panel="inspector"]')[0].dataset.rows === '65'""")
    assert cell(page, 2, 3) == pytest.approx(shakespeare.model.lm_head.weight[2, 3].item(), abs=1e-6)


def test_the_other_page_and_back(page: Page) -> None:
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("ee")
    wait_for_text(page, PROMPT + "ee")
    page.get_by_text("About this model").first.click()
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
    page.locator('[data-layer="1"][data-head="2"]').click()
    page.locator('[data-node="transformer.h.1.attn.pattern"]').wait_for()
    wait_for_text(page, PROMPT)
    page.wait_for_timeout(500)  # for fonts and transitions
    target = ARTEFACTS / f"explore-{scheme}-{width}.png"
    page.screenshot(path=target)
    assert target.stat().st_size > 30_000
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


def hidden_chips(page: Page) -> tuple[int, int, bool]:
    """Once the next frame is drawn: lines of chips, how many chips are cut off, and whether the last is among them."""
    script = """() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => {
        const strip = deepQuery('[aria-label="Tokens of the prompt"]')[0];
        const { top, bottom } = strip.getBoundingClientRect();
        const chips = Array.from(strip.children, (chip) => chip.getBoundingClientRect());
        const cut = chips.map((chip) => chip.top < top || chip.bottom > bottom);
        resolve([new Set(chips.map((chip) => chip.top)).size, cut.filter(Boolean).length, cut.at(-1)]);
    }, 50)))"""
    return tuple(page.evaluate(script))


def test_a_prompt_of_up_to_three_lines_of_tokens_is_seen_as_a_whole(launched: BrowserContext) -> None:
    with server("fairytales") as (url, _):
        page = open_page(launched, url)
        for width in range(1440, 900, -27):  # words wrap at one width or another, large chips and small ones
            page.set_viewport_size({"width": width, "height": 900})
            assert hidden_chips(page)[1] == 0, width
        area = page.locator("[data-role=prompt]")
        text = area.input_value()
        lines, counted = 0, set()
        while lines < 5:
            text += " and so he went into the forest"
            area.fill(text)
            wait_for_text(page, text)
            lines, cut, last_is_cut = hidden_chips(page)
            counted.add(lines)
            assert (cut == 0) == (lines <= 3), lines
            assert not last_is_cut, lines  # beyond three lines the end is shown
        assert counted >= {3, 4, 5}
        page.close()


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


def test_a_missing_checkpoint_is_a_friendly_sentence_and_the_usual_model_is_offered(launched: BrowserContext) -> None:
    with server("no/such/model") as (url, _):
        page = launched.new_page()
        page.goto(url)
        page.get_by_text("could not be loaded").first.wait_for(timeout=60_000)
        assert "Traceback" not in page.content()
        page.get_by_role("button", name="Open fairytales instead").click()
        page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=60_000)
        usual = load("fairytales")
        expect(page.locator("[data-role=prompt]")).to_have_value(usual.info["prompt"])
        page.locator("[data-role=next-token]").last.wait_for(timeout=60_000)
        assert_prediction(page, usual, usual.info["prompt"])
        page.close()
