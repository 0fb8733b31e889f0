"""The page In words: sentences, drawing and tensors are one thing, at every size, by mouse and by keyboard."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, capture
from gptcore.graph.node import ATTENTION, INSIDE, MLP, MODEL, SDPA, VIEWS
from tests.app.test_words import Told
from tests.browser.bench import bench
from tests.browser.driver import chromium, open_address, put_away
from tests.browser.test_browser_sizes import LETTERS

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
HOSTILE = '<img src=x onerror="window.broken=1">\u202e{C} **b**'
WORDS = '[data-panel="in_words"]'


# ---- in the app --------------------------------------------------------------------------------------------------


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    """The page In words, by its address."""
    opened = open_address(launched, f"{address}/words")
    opened.locator(WORDS).wait_for(timeout=90_000)
    yield opened
    put_away(opened)


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_address(launched, f"{address}/words")
    opened.locator(WORDS).wait_for(timeout=90_000)
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    """One page for the tests that choose no more than a view and a tensor."""
    one.bring_to_front()  # of the tabs of other tests
    one.mouse.move(0, 0)
    if one.locator(WORDS).count() == 0:
        go_to_words(one)
    return one


def go_to_words(page: Page) -> None:
    page.get_by_role("link", name="In words").click()
    page.locator(WORDS).wait_for()


def choose(page: Page, view: str) -> None:
    page.locator(f'{WORDS} [data-word="{view}"]').click()
    page.locator(f'{WORDS}[data-view="{view}"]').wait_for()


def test_a_sentence_and_its_node_light_each_other(kept: Page) -> None:
    page, told = kept, kept.locator(WORDS)
    choose(page, ATTENTION)
    item = told.locator('li[data-node$=".attn.k"]')
    node = told.locator('g.node[data-node$=".attn.k"]')
    item.hover()
    expect(node).to_have_class("node kind-activation concept-k lit")
    told.locator('g.node[data-node$=".attn.concat"]').hover()
    expect(node).not_to_have_class("node kind-activation concept-k lit")
    assert told.locator("li.lit").get_attribute("data-node") == "transformer.h.0.attn.concat"
    assert told.locator(".lit").count() == 2


def test_a_number_leads_to_its_card_with_the_same_block_head_and_token(page: Page, shakespeare: Checkpoint) -> None:
    told = page.locator(WORDS)
    choose(page, SDPA)
    told.locator('select[data-role="layer"]').select_option("2")
    expect(told.locator('li[data-node="transformer.h.2.attn.scores"]')).to_be_visible()
    told.locator('select[data-role="head"]').select_option("1")
    told.locator('select[data-role="token"]').select_option("5")
    trace = capture(shakespeare.model, shakespeare.tokenizer.encode(PROMPT))
    row = trace["transformer.h.2.attn.pattern"][0, 1, 5]
    best = int(row.argmax())
    weight = told.locator('li[data-node="transformer.h.2.attn.pattern"] [data-name="weight"]')
    expect(weight).to_have_attribute("title", _starting(row[best].item(), f"[0, 1, 5, {best}]"))
    scaled = told.locator('li[data-node="transformer.h.2.attn.scaled"] [data-name="scaled"]')
    value = float(scaled.get_attribute("data-value") or "nan")
    assert value == pytest.approx(trace["transformer.h.2.attn.scaled"][0, 1, 5, best].item(), abs=1e-4)
    scaled.click()
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    assert card.get_attribute("data-name") == "transformer.h.2.attn.scaled"
    assert card.get_attribute("data-index") == f"0,1,5,{best}"
    assert float(card.get_attribute("data-value") or "nan") == pytest.approx(value)
    go_to_words(page)
    assert told.get_attribute("data-view") == SDPA


def _starting(value: float, place: str) -> Any:
    """Return a pattern of a title that gives a value and its place."""
    return re.compile(rf"^{re.escape(f'{value:.4f}')}.*{re.escape(place)}")


def test_a_name_leads_to_its_tensor(kept: Page) -> None:
    page, told = kept, kept.locator(WORDS)
    choose(page, MLP)
    told.get_by_role("button", name="Up projection", exact=True).and_(told.locator(".name")).click()
    page.locator('[data-panel="node"]').wait_for()
    expect(page.locator('[data-role="plot"]')).to_have_attribute("data-name", "transformer.h.0.mlp.c_fc")


def test_the_keyboard_goes_from_the_drawing_to_the_sentence_to_the_tensor(kept: Page) -> None:
    page, told = kept, kept.locator(WORDS)
    choose(page, INSIDE)
    stops = told.locator("g.node[tabindex='0'], ol button:not([tabindex='-1'])")
    assert stops.count() == 2  # one for the drawing, one for the sentences
    told.locator("g.node[tabindex='0']").focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert told.locator("li.lit").get_attribute("data-node") == "transformer.h.0.ln_1"
    page.keyboard.press("Enter")
    assert told.locator(".name:focus").text_content() == "LN 1"
    page.keyboard.press("ArrowDown")
    assert told.locator("li button:focus").text_content() == "Self-attention"
    page.keyboard.press("Enter")
    page.locator('[data-panel="node"]').wait_for()
    expect(page.locator('[data-role="plot"]')).to_have_attribute("data-name", "transformer.h.0.attn")


def test_what_has_an_inside_leads_to_that_in_words(kept: Page) -> None:
    page, told = kept, kept.locator(WORDS)
    choose(page, MODEL)
    told.get_by_role("button", name="Block in words").click()
    page.locator(f'{WORDS}[data-view="{INSIDE}"]').wait_for()
    told.get_by_role("button", name="Self-attention in words").click()
    page.locator(f'{WORDS}[data-view="{ATTENTION}"]').wait_for()


COVERED = """() => deepQuery('[data-panel="in_words"] path.open').flatMap((sign) => {
  const box = sign.getBoundingClientRect();
  return [...sign.parentNode.querySelectorAll('text')].filter((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return box.left < right + 4 && left < box.right && box.top < bottom && top < box.bottom;
  }).map((text) => text.textContent);
})"""
"""Function that returns the texts that the sign of an inside lies on, or nearly touches."""


def test_no_drawing_is_wider_than_its_column_and_no_letter_too_small(kept: Page) -> None:
    page = kept
    sizes = ((1440, 900), (1280, 720), (900, 1000), (390, 844))
    for (width, height), view in itertools.product(sizes, VIEWS):
        page.set_viewport_size({"width": width, "height": height})
        choose(page, view)
        page.wait_for_timeout(150)  # for the drawing to take the new size
        drawing, svg = (page.locator(f"{WORDS} {name}").bounding_box() for name in (".drawing", ".drawing svg"))
        assert drawing is not None and svg is not None
        assert svg["x"] >= drawing["x"] - 1
        assert svg["x"] + svg["width"] <= drawing["x"] + drawing["width"] + 1
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate(LETTERS) == [], (width, view)
        assert page.evaluate(COVERED) == [], (width, view)


# ---- on a page of its own ----------------------------------------------------------------------------------------


@pytest.fixture
def sent(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(trained, monkeypatch)


def test_letters_have_their_colours_and_say_what_they_are(launched: BrowserContext, sent: Told) -> None:
    sent.report(view=ATTENTION)
    with bench(launched, sent) as screen:
        data = sent.data("in_words")
        script = "(letter) => [letter.textContent, letter.title, getComputedStyle(letter).color]"
        shown = screen.all(f"{WORDS} ol [data-letter]", script)
        assert {letter for letter, _, _ in shown} >= {"B", "T", "C", "3C", "H", "D"}
        for letter, title, _ in shown:
            assert title == data["letters"][letter]
            assert title.startswith(f"{letter}: ")
        colours = {letter: colour for letter, _, colour in shown}
        assert len({colours[letter] for letter in "TCHD"}) == 4
        drawn = dict(
            screen.all(f"{WORDS} svg [data-letter]", "(own) => [own.dataset.letter, getComputedStyle(own).fill]")
        )
        assert {letter: drawn[letter] for letter in "TCHD"} == {letter: colours[letter] for letter in "TCHD"}


def test_numbers_are_written_as_everywhere_and_told_in_full(launched: BrowserContext, sent: Told) -> None:
    with bench(launched, sent) as screen:
        parts = [
            part
            for each in sent.data("in_words")["sentences"]
            for part in each["parts"]
            if isinstance(part, dict) and "value" in part
        ]
        shown = screen.all(
            f"{WORDS} ol [data-role='number']", "(own) => [own.dataset.name, own.dataset.value, own.textContent]"
        )
        assert [name for name, _, _ in shown] == [part["name"] for part in parts]
        assert [float(value) for _, value, _ in shown] == pytest.approx([part["value"] for part in parts])
        for part, (_, _, text) in zip(parts, shown, strict=True):
            number = float(text.replace("−", "-").replace(",", "").removeprefix("< ").removesuffix(" %"))
            share = part["kind"] == "share"
            assert text.endswith(" %") == share
            assert (text == "0 %") == (share and part["value"] == 0)
            assert text.startswith("<") == (share and 0 < part["value"] < 1e-4)
            assert number / (100 if share else 1) == pytest.approx(part["value"], abs=6e-4 if share else 0, rel=1e-3)
        assert {part["kind"] for part in parts} == {"count", "number", "share"}
        screen.forget()
        screen.tab.locator(f"{WORDS} button[data-name='score']").click()
        (part,) = [part for part in parts if part["name"] == "score"]
        event = screen.reported("event")
        assert (event["kind"], event["id"], event["cell"]) == ("cell", *part["cell"])
        assert event["origin"] == sent.data("in_words")["origin"]


def test_hostile_tokens_and_prompts_stay_text(launched: BrowserContext, sent: Told) -> None:
    with bench(launched, sent) as screen:
        data = sent.data("in_words")
        labels = data["choices"]["token"]["labels"]
        labels[0] = HOSTILE
        data["text"] = HOSTILE
        for each in data["sentences"]:
            tokens = [part for part in each["parts"] if isinstance(part, dict) and "token" in part]
            for part in tokens:
                part["token"] = HOSTILE
        screen.draw("in_words", data)
        assert screen.tab.locator(f"{WORDS} img").count() == 0
        assert screen.tab.locator(f"{WORDS} .token").first.text_content() == HOSTILE
        assert screen.tab.locator(f"{WORDS} .prompt").text_content() == f"Prompt: {HOSTILE}"
        assert screen.tab.evaluate("window.broken") is None


def test_questions_stay_open_while_it_is_the_same_view(launched: BrowserContext, sent: Told) -> None:
    with bench(launched, sent) as screen:
        screen.tab.locator(f"{WORDS} summary").nth(1).click()
        sent.report(layer=0)
        screen.show()
        script = "(own) => own.open"
        assert screen.all(f"{WORDS} details", script) == [False, True, False, False, False]
        sent.report(view=MLP)
        screen.show()
        assert not any(screen.all(f"{WORDS} details", script))
