"""The margins of the map in Chromium without a server: lengths, sides and colours of the bars, what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext

from app.panels.token_words import visible
from app.session.change_actions import AddChange
from app.theme import DIVERGING
from tests.app.sent import Page
from tests.app.test_margins import BLOCK, CROPPED, HALVED, HEAD, LAYER, STREAM, explorer
from tests.browser.bench import Bench, bench
from tests.browser.driver import chromium
from tests.lopsided import LONG

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
Screen = Bench[Page]
MAP = '[data-panel="map"]'
BARS = f"{MAP} [data-part]"
BOX = "(({x, y, width, height}) => ({x, y, width, height}))"


@pytest.fixture
def screen(launched: BrowserContext, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """The cropped prompt at a locked token that is not the last, with changes on and bars in the margins."""
    page = Page(trained, monkeypatch, LONG, (LAYER, HEAD))
    explorer(page).apply(AddChange(HALVED))
    explorer(page).apply(AddChange(STREAM))
    page.follow(CROPPED + 8)
    page.look("margin", "lead")
    with bench(launched, page) as opened:
        yield opened


def parts(screen: Screen) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = screen.page.panel("map")["adds"]["parts"]
    return found


def colour(text: str) -> tuple[int, ...]:
    """Red, green and blue of a colour of the theme, as a style tells it."""
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


def test_a_bar_is_as_long_as_its_part_and_on_the_side_of_its_sign(screen: Screen) -> None:
    sent = screen.page.panel("map")["adds"]
    told = screen.all(BARS, "(bar) => [bar.dataset.part, bar.dataset.kind, Number(bar.dataset.value)]")
    assert told == [[part["node"] or part["kind"], part["kind"], part["value"]] for part in sent["parts"]]
    rooms = screen.all(BARS, f"(bar) => {BOX}(bar.getBoundingClientRect())")
    lengths = screen.all(f"{BARS} .length", f"(bar) => {BOX}(bar.getBoundingClientRect())")
    colours = screen.all(f"{BARS} .length", "(bar) => getComputedStyle(bar).backgroundColor")
    seen = set()
    for part, room, length, painted in zip(sent["parts"], rooms, lengths, colours, strict=True):
        if part["kind"] == "total":
            assert length["width"] == 0
            continue
        wide, middle = length["width"], room["x"] + room["width"] / 2
        assert wide == pytest.approx(abs(part["value"]) / sent["most"] * room["width"] / 2, abs=0.1)
        side = length["x"] + wide if part["value"] < 0 else length["x"]
        assert side == pytest.approx(middle, abs=0.1), part
        if part["kind"] != "head":
            ends = colour(DIVERGING.light[1 if part["value"] < 0 else 3])
            assert painted == f"rgb({', '.join(map(str, ends))})"
            seen.add(painted)
    assert len(seen) == 2  # both signs are there


def test_each_bar_stands_beside_its_line_and_the_remainder_on_its_own(screen: Screen) -> None:
    lines = dict(
        screen.all(f"{MAP} [data-node]", f"(line) => [line.dataset.node, {BOX}(line.getBoundingClientRect())]")
    )
    bars = screen.all(BARS, f"(bar) => {BOX}(bar.getBoundingClientRect())")
    for part, bar in zip(parts(screen), bars, strict=True):
        assert bar["height"] >= 24
        if part["kind"] == "remainder":
            before, after = lines["transformer.ln_f"], lines["lm_head"]
            assert before["y"] + before["height"] <= bar["y"] and bar["y"] + bar["height"] <= after["y"]
            continue
        line = lines[part["line"]]
        assert line["y"] <= bar["y"] + 0.5 and bar["y"] + bar["height"] <= line["y"] + line["height"] + 0.5
        assert bar["x"] > line["x"] + line["width"]


def test_a_bar_tells_its_number_its_share_and_its_formula(screen: Screen) -> None:
    sent = screen.page.panel("map")["adds"]
    for part in parts(screen):
        name = part["node"] or part["kind"]
        screen.tab.locator(f'{BARS}[data-part="{name}"]').hover()
        told = screen.tab.locator(f"{MAP} .tip").inner_text().replace("−", "-")
        assert told == screen.all(f'{BARS}[data-part="{name}"]', "(bar) => bar.ariaLabel")[0].replace("−", "-")
        assert f"lead of {visible(sent['token'])} over {visible(sent['versus'])}" in told
        if part["kind"] == "total":
            continue
        assert told.startswith(f"{part['label']} adds ")
        number = float(told.removeprefix(f"{part['label']} adds ").split()[0])
        assert number == pytest.approx(part["value"], rel=1e-3)
        share = float(told.partition(" % of it")[0].rpartition(", ")[2])
        assert share == pytest.approx(100 * part["share"], abs=0.51)
        assert ("direct logit attribution" in told) == (part["kind"] in ("part", "head"))
    screen.tab.locator(f"{MAP} h2").hover()
    assert not screen.tab.locator(f"{MAP} .tip").is_visible()


def test_the_tip_stands_beside_its_bar_also_where_the_strips_are_scrolled(screen: Screen) -> None:
    low = "(strips) => { strips.style.flex = 'none'; strips.style.height = '240px'; strips.scrollTop = 90; }"
    screen.tab.locator(f"{MAP} .strips").evaluate(low)
    screen.tab.wait_for_timeout(200)  # it is laid out anew
    for node in (f"{BLOCK}.mlp", "lm_head"):
        bar = screen.tab.locator(f'{BARS}[data-part="{node}"]')
        bar.hover()
        assert screen.all(f"{MAP} .strips", "(strips) => strips.scrollTop") != [0]
        tip, own = screen.tab.locator(f"{MAP} .tip").bounding_box(), bar.bounding_box()
        assert tip is not None and own is not None
        above, below = own["y"] - tip["y"] - tip["height"], tip["y"] - own["y"] - own["height"]
        assert max(above, below) == pytest.approx(4, abs=0.6)


def test_a_click_on_a_bar_asks_for_its_part(screen: Screen) -> None:
    for node, line in ((f"{BLOCK}.attn", f"{BLOCK}.resid_mid"), ("transformer.wpe", "transformer.wpe")):
        screen.forget()
        screen.tab.locator(f'{BARS}[data-part="{node}"]').click()
        event = screen.reported("map")
        assert (event["kind"], event["id"]) == ("select", node)
        chosen = screen.all(f"{MAP} [aria-pressed=true][data-node]", "(each) => each.dataset.node")
        assert chosen == [line]  # at once
        screen.page.select(node)
        screen.show()
        assert screen.all(f"{MAP} [aria-pressed=true][data-node]", "(each) => each.dataset.node") == [line]
        assert screen.all(f"{BARS}[aria-pressed=true]", "(each) => each.dataset.part") == [node]
    screen.forget()
    screen.tab.locator(f'{BARS}[data-part="remainder"]').click()
    assert screen.is_quiet()


def test_the_bars_are_one_stop_with_arrows_inside(screen: Screen) -> None:
    stops = screen.all(BARS, "(bar) => bar.tabIndex")
    assert sorted(set(stops)) == [-1, 0] and stops.count(0) == 1
    screen.tab.locator(BARS).first.focus()
    focused = "() => deepQuery(':focus').at(-1).dataset.part"
    screen.tab.keyboard.press("ArrowDown")
    assert screen.tab.evaluate(focused) == "transformer.wpe"
    assert screen.tab.locator(f"{MAP} .tip").inner_text().startswith("position adds ")
    screen.tab.keyboard.press("End")
    assert screen.tab.evaluate(focused) == "lm_head"
    screen.forget()
    screen.tab.keyboard.press("Enter")
    assert screen.reported("map")["id"] == "lm_head"


def test_the_choice_of_the_margin_is_one_stop_and_off_leaves_no_bar(screen: Screen) -> None:
    choice = screen.tab.get_by_role("group", name="Margin of the map")
    pressed = 'button[aria-pressed="true"]'
    assert choice.locator(pressed).inner_text() == "lead"
    assert screen.tab.locator(f"{MAP} .say").first.is_hidden()
    choice.locator(pressed).focus()
    screen.tab.keyboard.press("Home")
    screen.tab.keyboard.press("Enter")
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("margin", "says")
    screen.page.look("margin", "says")
    screen.show()
    assert choice.locator(pressed).inner_text() == "would say"
    assert screen.tab.locator(f"{MAP} .bars").is_hidden() and screen.tab.locator(f"{MAP} .meaning").is_hidden()
    assert screen.tab.locator(f"{MAP} .say").first.is_visible()


def test_the_number_under_the_pointer_is_that_of_the_newest_prompt(screen: Screen) -> None:
    screen.tab.locator(f'{BARS}[data-part="transformer.wte"]').hover()
    before = screen.tab.locator(f"{MAP} .tip").inner_text()
    screen.page.follow(CROPPED + 3)
    screen.show()
    after = screen.tab.locator(f"{MAP} .tip").inner_text()
    assert before != after == screen.all(f'{BARS}[data-part="transformer.wte"]', "(bar) => bar.ariaLabel")[0]


def test_the_meaning_of_the_bars_is_told_with_their_scale(screen: Screen) -> None:
    sent = screen.page.panel("map")["adds"]
    told = screen.tab.locator(f"{MAP} .meaning").inner_text().replace("−", "-")
    numbers = told.partition("All together ")[2].rstrip(".").split(". The longest bar is ")
    assert [float(number) for number in numbers] == pytest.approx([sent["parts"][-1]["value"], sent["most"]], rel=1e-3)
    assert f"after {visible(LONG[CROPPED + 8])}" in told
