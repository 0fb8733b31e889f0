"""The address of the page: it follows what is on the screen, and brings it back, for its owner and for others."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, load, save
from tests.browser.driver import chromium, link_to, open_page, put_away, server, wait_until
from tests.conftest import random_model

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
PLOT = "[data-role=plot]"
NOTE = '[data-role=connection][data-kind="note"]'
MODEL = ".st-key-choose button"


def wait_for_numbers(page: Page, text: str) -> None:
    wait_until(page, "text => deepQuery('[data-role=map]')[0]?.dataset.text === text", arg=text)
    expect(page.locator("[data-role=prompt]")).to_have_value(text)


def wait_for_address(page: Page, **fields: str) -> None:
    """Until the address has these fields."""
    wait_until(
        page,
        """fields => {
            const now = new URLSearchParams(location.search);
            return Object.entries(fields).every(([name, value]) => now.get(name) === value);
        }""",
        arg=fields,
    )


def pick(page: Page, layer: int, head: int) -> None:
    page.locator(f'button[data-layer="{layer}"][data-head="{head}"]').click()
    page.locator(f'{PLOT}[data-layer="{layer}"][data-head="{head}"]').wait_for()


def type_at_the_end(page: Page, text: str) -> None:
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)


@pytest.mark.slow
def test_the_tab_of_the_source_is_in_the_address_and_comes_back(page: Page) -> None:
    source = page.locator('[data-panel="code"]')
    page.get_by_role("button", name="{ } code").click()
    source.get_by_role("tab", name="teaching attention").press("Enter")
    wait_for_address(page, drawer="code", code="teaching")
    page.reload()
    expect(source.get_by_role("tab", name="teaching attention")).to_have_attribute("aria-selected", "true")
    expect(source.locator(".line.marked")).to_contain_text("wei = F.softmax(wei, dim=-1)")
    badge = page.locator('[data-panel="parity_badge"][data-kind="good"]')
    badge.wait_for()
    measured = badge.locator("span.number").first.text_content() or ""
    expect(source.locator("[data-role=parity]")).to_have_text(f"{measured.removeprefix('parity ')} (rounding)")


def test_back_and_forward_step_through_places_and_prompts_not_letters(page: Page) -> None:
    entries = page.evaluate("history.length")
    type_at_the_end(page, "e y")
    wait_for_address(page, prompt=PROMPT + "e y")
    type_at_the_end(page, "es")  # soon after: the same run of typing
    wait_for_address(page, prompt=PROMPT + "e yes")
    pick(page, 0, 2)
    wait_for_address(page, head="2", prompt=PROMPT + "e yes")
    pick(page, 0, 1)
    wait_for_address(page, head="1")
    assert page.evaluate("history.length") == entries + 3
    page.go_back()
    page.locator(f'{PLOT}[data-head="2"]').wait_for()
    page.go_back()
    page.locator(f'{PLOT}[data-head="0"]').wait_for()
    wait_for_numbers(page, PROMPT + "e yes")
    page.go_back()
    wait_for_numbers(page, PROMPT)
    page.wait_for_timeout(1500)  # nothing may be written over it
    wait_for_address(page, prompt=PROMPT)
    page.go_forward()
    wait_for_numbers(page, PROMPT + "e yes")
    page.go_forward()
    page.locator(f'{PLOT}[data-head="2"]').wait_for()
    type_at_the_end(page, "!")
    wait_for_numbers(page, PROMPT + "e yes!")


HOLD_BACK = """
() => {
  const mount = gptscopeModules.get("address");
  const held = [];
  gptscopeModules.set("address", (component) => { held.push(component); });
  window.release = () => {
    gptscopeModules.set("address", mount);
    held.forEach((component) => mount(component));
  };
}
"""
"""A script that holds back the answer to back, which comes last in a run, until it is released."""


def test_back_pressed_twice_leads_two_steps_back_though_the_first_was_not_answered(page: Page) -> None:
    pick(page, 0, 2)
    wait_for_address(page, head="2")
    pick(page, 0, 1)
    wait_for_address(page, head="1")
    page.evaluate(HOLD_BACK)
    page.go_back()
    page.locator(f'{PLOT}[data-head="2"]').wait_for()
    page.evaluate("() => { addEventListener('popstate', () => release(), { once: true }); history.back(); }")
    page.locator(f'{PLOT}[data-head="0"]').wait_for()
    assert "head" not in parse_qs(urlsplit(page.url).query)


def test_a_reload_keeps_model_prompt_and_place_and_a_link_opens_them_for_another(
    page: Page, launched: BrowserContext
) -> None:
    type_at_the_end(page, "e")
    pick(page, 0, 3)
    wait_for_address(page, head="3", prompt=PROMPT + "e", model="shakespeare-char")
    link = page.locator("[data-role=copy-link]").get_attribute("data-link") or ""
    assert parse_qs(urlsplit(link).query)["prompt"] == [PROMPT + "e"]
    page.reload()
    page.locator(f'{PLOT}[data-head="3"]').wait_for()
    wait_for_numbers(page, PROMPT + "e")
    other = open_page(launched, link)
    other.locator(f'{PLOT}[data-head="3"]').wait_for()
    wait_for_numbers(other, PROMPT + "e")
    type_at_the_end(other, "x")
    wait_for_numbers(other, PROMPT + "ex")
    wait_for_numbers(page, PROMPT + "e")  # two tabs are two people
    put_away(other)


BOX = "() => deepQuery('[data-role=prompt]')[0]?.value ?? ''"


def test_a_reload_while_tokens_are_drawn_brings_back_those_that_stand_in_the_box(page: Page) -> None:
    page.locator("[data-role=generate]").click()
    wait_until(page, f"(least) => ({BOX})().length >= least", arg=len(PROMPT) + 6)
    before = page.evaluate(BOX)
    page.reload()
    wait_until(
        page,
        f"(before) => ({BOX})().startsWith(before) && deepQuery('[data-role=map]')[0].dataset.text === ({BOX})()",
        arg=before,
    )


def test_marks_of_drawn_tokens_outlive_a_reload_as_long_as_the_tokens_are_the_same(page: Page) -> None:
    marks = "() => deepQuery('.chip.drawn').map((chip) => [chip.dataset.tokenIndex, chip.title.split('; ')[1]])"
    for count in (1, 2):
        page.locator("[data-role=step]").click()
        wait_until(page, f"(count) => ({marks})().length === count", arg=count)
    before, text = page.evaluate(marks), page.evaluate(BOX)
    assert all("drawn" in told for _, told in before)
    wait_for_address(page, prompt=text)
    page.reload()
    wait_for_numbers(page, text)
    wait_until(
        page, f"(before) => JSON.stringify(({marks})()) === before", arg=json.dumps(before, separators=(",", ":"))
    )
    page.locator("[data-role=prompt]").press("Control+End")
    page.locator("[data-role=prompt]").press("Backspace")
    wait_until(page, f"() => ({marks})().length === 1")
    type_at_the_end(page, text[-1])
    wait_for_numbers(page, text)
    assert page.evaluate(marks) == before[:1]  # this one was typed


def test_another_page_and_back_keep_the_address(page: Page) -> None:
    type_at_the_end(page, "e")
    wait_for_address(page, prompt=PROMPT + "e")
    page.get_by_text("About this model").first.click()
    page.get_by_text("layers × heads").wait_for()
    wait_for_address(page, prompt=PROMPT + "e")
    page.reload()
    page.get_by_text("layers × heads").wait_for()
    page.go_back()
    wait_for_numbers(page, PROMPT + "e")
    type_at_the_end(page, "!")
    wait_for_numbers(page, PROMPT + "e!")


def test_the_link_that_is_copied_leads_to_the_page_on_the_screen(page: Page) -> None:
    link = page.locator("[data-role=copy-link]")
    for name, path in (("In words", "/words"), ("Sizes", "/what_if"), ("About this model", "/card")):
        page.get_by_role("link", name=name).click()
        page.wait_for_url(f"**{path}?*")
        wait_for_address(page, model="shakespeare-char", prompt=PROMPT)
        link.click()
        assert urlsplit(link.get_attribute("data-link") or "").path == path
    page.evaluate("history.replaceState(history.state, '', `/words${location.search}`)")  # before anything is drawn
    link.click()
    assert urlsplit(link.get_attribute("data-link") or "").path == "/words"


def test_back_from_another_page_is_one_press_also_right_after_a_key(page: Page) -> None:
    entries = page.evaluate("history.length")
    type_at_the_end(page, "e y")
    wait_for_numbers(page, PROMPT + "e y")
    page.get_by_text("About this model").first.click()  # before the address is written
    page.get_by_text("layers × heads").wait_for()
    wait_for_address(page, prompt=PROMPT + "e y")
    page.wait_for_timeout(1000)  # nothing more may be written
    assert page.evaluate("history.length") == entries + 2  # what was typed, and the page
    page.go_back()
    wait_for_numbers(page, PROMPT + "e y")
    wait_for_address(page, prompt=PROMPT + "e y")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("model=shakespeare-char&prompt=To&layer=99", "no block 99"),
        ("nonsense=1", "no field 'nonsense'"),
        ("model=no/such/model", "no/such/model could not be opened"),
        ("model=mine.pt&upload=" + 64 * "0", "drop its files on the page again"),
    ],
)
def test_a_bad_link_leads_to_the_first_model_with_a_sentence(
    launched: BrowserContext, address: str, query: str, sentence: str
) -> None:
    page = open_page(launched, f"{address}/?{query}")
    expect(page.locator(NOTE)).to_contain_text(sentence)
    wait_for_numbers(page, PROMPT)
    assert "Traceback" not in page.content()
    wait_for_address(page, model="shakespeare-char", prompt=PROMPT)
    put_away(page)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Save a model that is not shipped."""
    usual = load("shakespeare-char")
    model = random_model(vocab_size=usual.config.vocab_size)
    save(Checkpoint(model, usual.tokenizer, model.config, {}), tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("first", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_model_of_this_machine_is_kept_by_a_reload_but_cannot_be_shared(
    launched: BrowserContext, address: str, folder: Path, first: bool
) -> None:
    """Opened by its path on a running server, or as the first model of its own."""
    opened = f"{link_to(address, folder)}&prompt={quote(PROMPT)}"
    with server(str(folder)) if first else nullcontext((opened, 0)) as (url, _):
        page = open_page(launched, url)
        type_at_the_end(page, "e")
        wait_for_address(page, prompt=PROMPT + "e")
        button = page.locator("[data-role=copy-link]")
        assert button.get_attribute("data-link") == ""
        assert "cannot be shared" in (button.get_attribute("title") or "")
        button.click()
        expect(page.get_by_text("cannot be shared")).to_be_visible()
        page.reload()
        wait_for_numbers(page, PROMPT + "e")
        put_away(page)


@pytest.mark.slow
def test_a_link_on_a_shared_server_opens_no_path(
    launched: BrowserContext, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    with server("shakespeare-char") as (url, _):
        page = open_page(launched, f"{url}/?model={folder}&prompt=To")
        expect(page.locator(NOTE)).to_contain_text("This server is shared")
        expect(page.locator(MODEL).first).to_contain_text("shakespeare-char")
        page.goto(f"{url}/?model=induction&prompt=abc")
        wait_for_numbers(page, "abc")
        expect(page.locator(MODEL).first).to_contain_text("induction")
        put_away(page)
