"""The card of a number and the stage's line: the card stands beside its cell, and neither cuts what it says."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")
pytest.importorskip("streamlit", reason="needs the extra `app`")

import streamlit
from playwright.sync_api import BrowserContext

from tests.app.sent import Page
from tests.browser.bench import Bench, bench
from tests.browser.driver import chromium
from tests.lopsided import LONG

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
BLOCK = "transformer.h.2"
SIZES = [(1440, 900), (1280, 720), (900, 1000), (390, 844)]
TITLES = (
    f"{BLOCK}.attn.sdpa",
    f"{BLOCK}.attn.pattern",
    f"{BLOCK}.attn.c_attn",
    f"{BLOCK}.attn.c_proj",
    f"{BLOCK}.mlp.c_proj",
    f"{BLOCK}.resid_mid",
    "transformer.h",
    "transformer.wpe",
)
"""Nodes with long names, and with many choices beside them."""
Screen = Bench[Page]


@pytest.fixture
def screen(launched: BrowserContext, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with bench(launched, Page(trained, monkeypatch, LONG, (2, 3))) as opened:
        yield opened


@pytest.fixture(scope="module")
def kept(launched: BrowserContext, trained: Path) -> Iterator[Screen]:
    """The same screen for all nodes and sizes, in the app's own font: others are wider."""
    (font,) = (Path(streamlit.__file__).parent / "static" / "static" / "media").glob("SourceSansVF-Upright*.woff2")
    script = """async (font) => {
      const face = new FontFace("Own", `url(data:font/woff2;base64,${font})`, { weight: "200 900" });
      document.fonts.add(await face.load());
      document.documentElement.style.setProperty("--st-font", "Own");
    }"""
    with pytest.MonkeyPatch.context() as patch, bench(launched, Page(trained, patch, LONG, (2, 3))) as opened:
        opened.tab.evaluate(script, base64.b64encode(font.read_bytes()).decode())
        yield opened


@pytest.fixture
def stage(kept: Screen) -> Screen:
    """The kept screen, in front of the tabs of other tests: behind them nothing is drawn."""
    kept.tab.bring_to_front()
    return kept


def explained(screen: Screen, row: int, col: int) -> None:
    """Draw the card of a cell of what is on the stage, with its equation."""
    screen.page.report("explain", name=screen.page.panel("matrix")["name"], row=row, col=col)
    screen.page.report("explain", formula=screen.page.panel("explanation")["formula_key"])
    screen.show()


def box(screen: Screen, selector: str) -> dict[str, float]:
    """Return where an element stands."""
    found: Any = screen.tab.locator(selector).bounding_box()
    assert found is not None
    return dict(found)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("node", ["attn.pattern", "resid_post"])
def test_the_card_covers_no_part_of_its_cell(stage: Screen, node: str, size: tuple[int, int]) -> None:
    stage.tab.set_viewport_size({"width": size[0], "height": size[1]})
    stage.page.select(f"{BLOCK}.{node}")
    stage.show()
    sent = stage.page.panel("matrix")
    for row, col in [(0, 0), (6, 6), (9, 4), (sent["rows"] - 1, 0), (sent["rows"] - 1, sent["cols"] - 1)]:
        explained(stage, row, col)
        stage.tab.wait_for_timeout(50)  # for the size of its place to be told
        plot, card = box(stage, '[data-role="plot"]'), box(stage, stage.panel("explanation"))
        wide, tall = plot["width"] / sent["cols"], plot["height"] / sent["rows"]
        x, y = plot["x"] + col * wide, plot["y"] + row * tall
        beside = card["x"] >= x + wide or card["x"] + card["width"] <= x
        assert beside or card["y"] >= y + tall or card["y"] + card["height"] <= y, (row, col)
        assert card["width"] >= 240 and card["x"] >= 0 and card["x"] + card["width"] <= size[0]


def test_the_card_moves_with_its_cell(screen: Screen) -> None:
    explained(screen, 9, 1)
    right = box(screen, screen.panel("explanation"))["x"]
    explained(screen, 9, 9)
    assert box(screen, screen.panel("explanation"))["x"] < right


@pytest.mark.parametrize("then", [{"row": None}, {"open": f"{BLOCK}.attn.scores", "cell": [0, 3, 9, 4]}])
def test_a_token_that_was_pointed_at_in_the_card_is_marked_no_longer(screen: Screen, then: dict[str, Any]) -> None:
    explained(screen, 9, 4)
    at = box(screen, "canvas.bars")
    place = {"clientX": at["x"] + at["width"] / 2, "clientY": at["y"] + 20}
    screen.tab.locator("canvas.bars").dispatch_event("pointermove", place)
    assert len(screen.all(".chip.key", "(chip) => chip.textContent")) == 1
    screen.page.report("explain", **then)
    screen.show()
    assert screen.tab.locator(screen.panel("explanation")).count() == ("open" in then)
    assert screen.all(".chip.key", "(chip) => chip.textContent") == []


def test_cards_that_follow_each_other_stay_on_their_side(screen: Screen) -> None:
    cards = []
    for col in (1, 9, 5, 1):  # in the middle there is room at both sides
        explained(screen, 9, col)
        cards.append(box(screen, screen.panel("explanation")))
    right, left, middle, again = cards
    assert left["x"] < right["x"]
    assert middle["x"] + middle["width"] <= left["x"] + left["width"]
    assert again == right  # at the left there is no room
    explained(screen, 9, 2)
    assert box(screen, screen.panel("explanation"))["x"] == right["x"]


def test_escape_on_the_plot_shuts_the_card_of_the_cell_that_was_clicked(screen: Screen) -> None:
    explained(screen, 9, 4)
    screen.forget()
    screen.tab.locator("canvas.over[role=img]").focus()
    screen.tab.keyboard.press("Escape")
    told = screen.reported("explain")
    assert (told["name"], told["row"], told["col"]) == (screen.page.panel("matrix")["name"], None, None)


@pytest.mark.parametrize("width", [1440, 1280])
@pytest.mark.parametrize("node", ["attn.pattern", "attn.scores", "mlp.c_proj", "ln_1"])
def test_an_equation_goes_on_in_the_next_line_and_stays_legible(stage: Screen, node: str, width: int) -> None:
    stage.tab.set_viewport_size({"width": width, "height": 900})
    stage.page.select(f"{BLOCK}.{node}")
    explained(stage, 9, 4)
    formula = f"{stage.panel('explanation')} .formula"
    scrolls = "(f) => [f.scrollWidth - f.clientWidth, f.scrollHeight - f.clientHeight]"
    assert stage.all(formula, scrolls) == [[0, 0]]
    scale = "(svg) => svg.getBoundingClientRect().width / Number(svg.getAttribute('width'))"
    pieces = stage.all(f"{formula} svg", scale)
    assert len(pieces) >= 3
    assert min(pieces) * 18 >= 12  # px of a letter


@pytest.mark.parametrize("width", [1440, 1280, 900])
def test_the_title_of_the_stage_and_its_buttons_are_never_cut(stage: Screen, width: int) -> None:
    stage.tab.set_viewport_size({"width": width, "height": 900})
    for name in TITLES:
        stage.page.select(name)
        stage.show()
        panel = stage.panel("node")
        title = stage.all(f"{panel} strong", "(s) => [s.textContent, s.scrollWidth - s.clientWidth]")
        assert title == [[stage.page.panel("node")["label"], 0]]
        edge = box(stage, panel)
        for right in stage.all(f"{panel} button:not([hidden])", "(b) => b.getBoundingClientRect().right"):
            assert right <= edge["x"] + edge["width"] + 0.5, name


def test_the_tools_stay_where_they_are_when_a_head_is_switched_off(screen: Screen) -> None:
    places = "(button) => [button.dataset.role, JSON.stringify(button.getBoundingClientRect())]"
    before = screen.all(f"{screen.panel('node')} button", places)
    screen.tab.locator('[data-role="head-off"]').click()
    screen.page.report("node", **screen.reported("node"))
    screen.show()
    switch = screen.tab.locator('[data-role="head-off"]')
    assert switch.get_attribute("aria-pressed") == "true"
    assert switch.inner_text().split() == ["is", "off"]
    assert screen.all(f"{screen.panel('node')} button", places) == before


def test_a_trained_number_offers_no_change_of_the_run(screen: Screen) -> None:
    offer = f"{screen.panel('explanation')} [data-role=change-number]"
    explained(screen, 9, 4)
    assert screen.tab.locator(offer).is_visible()
    screen.page.select(f"{BLOCK}.attn.c_proj")
    screen.page.choose_part("weight")
    screen.page.report("explain", name=screen.page.panel("matrix")["name"], row=3, col=4)
    screen.show()
    assert screen.tab.locator(screen.panel("explanation")).get_attribute("data-name") == f"{BLOCK}.attn.c_proj.weight"
    assert not screen.tab.locator(offer).is_visible()


def test_on_a_projector_all_changes_stand_in_one_line_and_the_wheel_moves_along_it(screen: Screen) -> None:
    screen.tab.set_viewport_size({"width": 1280, "height": 720})
    for head in (0, 1, 2, 3):
        screen.page.choose_head(head)
        screen.page.report("node", kind="off", id=screen.page.panel("node")["id"])
    screen.show()
    panel = screen.panel("changes")
    screen.tab.locator(panel).scroll_into_view_if_needed()
    assert box(screen, panel)["height"] <= 36
    buttons = screen.all(f"{panel} .buttons button", "(b) => b.getBoundingClientRect().right")
    assert max(buttons) <= box(screen, panel)["x"] + box(screen, panel)["width"]
    last = screen.tab.locator(f"{panel} .cross").last
    edge = box(screen, f"{panel} .list")
    assert (last.bounding_box() or {"x": 0})["x"] > edge["x"] + edge["width"]
    screen.tab.mouse.move(edge["x"] + 20, edge["y"] + 10)
    screen.tab.mouse.wheel(0, 2000)
    screen.tab.wait_for_timeout(100)
    end = last.bounding_box() or {"x": 9999.0, "width": 0.0}
    assert end["x"] + end["width"] <= edge["x"] + edge["width"] + 1
    assert screen.all(f"{panel} .list", "(list) => list.className") == ["list more-before"]  # nothing fades at its end
