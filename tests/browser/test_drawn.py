"""The scripts' drawings of what they are sent: order of heads, places of chips, hover, hit tests, axes, rows, stops.

Each test runs the app without a browser (tests/app/sent.py), draws what it sent in Chromium without a server
(bench.py), and compares pixels, texts and reports with what gptcore computes, on a lopsided model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext
from streamlit.testing.v1 import AppTest

import gptcore.model
from app.stores import limits
from app.theme import DIVERGING, SEQUENTIAL
from gptcore import Trace, architecture, logit_lens
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from tests.app.sent import Page, Sent
from tests.browser.bench import Bench, bench, of_weight, on_ramp, on_root_ramp
from tests.browser.driver import chromium, wait_until
from tests.lopsided import LETTERS, LONG, STEPS, encode, lopsided, run_of, seen, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
Screen = Bench[Page]
MODEL = lopsided()
CROPPED = len(LONG) - MODEL.config.block_size
BLOCK = "transformer.h.2"
PATTERN = f"{BLOCK}.attn.pattern"
TOKENS = [{" ": "␣"}.get(token, token) for token in seen(LONG, MODEL)]


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 3 of layer 2."""
    return Page(trained, monkeypatch, LONG, (2, 3))


@pytest.fixture
def screen(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    with bench(launched, page) as opened:
        yield opened


# ---- the box -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("since", "kept"), [(0, True), (1, False)])
def test_a_box_that_was_taken_away_gives_its_text_to_the_next(screen: Screen, since: int, kept: bool) -> None:
    """Streamlit may mount the screen anew when a line was cut; what the server has not read by then is not lost."""
    box, typed = screen.tab.locator("[data-role=prompt]"), f"{LONG}a"
    box.fill(typed)
    assert screen.reported("prompt")["text"] == typed
    screen.tab.evaluate("takeAway('explore_panels')")
    screen.forget()
    data = screen.page.data("explore_panels")
    data["panels"]["prompt"]["rev"] += since  # texts that the server has had from elsewhere
    screen.draw("explore_panels", data)
    assert box.input_value() == (typed if kept else LONG)
    if kept:
        assert screen.reported("prompt")["text"] == typed


@pytest.mark.parametrize("anew", [False, True], ids=["the same box", "a new box"])
def test_a_box_that_the_page_has_moved_is_typed_into_all_the_same(screen: Screen, anew: bool) -> None:
    box = screen.tab.locator("[data-role=prompt]")
    box.focus()
    screen.tab.keyboard.press("End")
    if anew:
        screen.tab.evaluate("takeAway('explore_panels')")
        screen.draw("explore_panels", screen.page.data("explore_panels"))
    else:
        box.evaluate("(box) => { const place = box.parentElement; box.remove(); place.prepend(box); }")
    if not anew:  # a new one asks for the keyboard by itself
        assert screen.tab.evaluate("document.activeElement === document.body")
    screen.tab.keyboard.type("ab")
    assert box.input_value() == f"{LONG}ab"


@pytest.mark.parametrize("way", ["a click", "the key Tab"])
def test_a_box_that_somebody_has_left_takes_no_key(screen: Screen, way: str) -> None:
    box = screen.tab.locator("[data-role=prompt]")
    box.focus()
    if way == "a click":
        screen.tab.mouse.click(2, 2)
    else:
        screen.tab.keyboard.press("Tab")
    screen.tab.evaluate("document.activeElement.blur()")
    screen.tab.keyboard.type("ab")
    assert box.input_value() == LONG


def test_a_box_whose_text_was_read_leaves_none_behind(screen: Screen) -> None:
    box = screen.tab.locator("[data-role=prompt]")
    box.fill("ab")
    data = screen.page.data("explore_panels")
    data["panels"]["prompt"] |= {"text": "ab", "ack": screen.reported("prompt")["seq"]}
    screen.draw("explore_panels", data)
    screen.tab.evaluate("takeAway('explore_panels')")
    screen.draw("explore_panels", screen.page.data("explore_panels"))  # it was changed on another page
    assert box.input_value() == LONG


# ---- tokens ------------------------------------------------------------------------------------------------------


def test_each_chip_is_its_token_and_the_cropped_ones_fade(screen: Screen) -> None:
    script = "(c) => [c.dataset.tokenIndex, c.textContent, c.dataset.id, c.matches('.cropped'), c.title]"
    shown = screen.all("[data-token-index]", script)
    labels = [{" ": "␣"}.get(token, token) for token in LONG]
    for i, (chip, label, id_) in enumerate(zip(shown, labels, encode(LONG), strict=True)):
        assert chip[:4] == [str(i), label, str(id_), i < CROPPED]
        where = "does not see" if i < CROPPED else f"position {i - CROPPED}"
        assert chip[4].startswith(f"token id {id_}, ") and where in chip[4]


def marked(screen: Screen) -> tuple[list[str], list[str]]:
    """Token indices of the chips that are marked as key and as query."""
    found = [screen.all(f"[data-token-index].{name}", "(chip) => chip.dataset.tokenIndex") for name in ("key", "query")]
    return found[0], found[1]


def pressed(screen: Screen) -> list[str]:
    """Token indices of the chips that are locked."""
    found: list[str] = screen.all('[data-token-index][aria-pressed="true"]', "(chip) => chip.dataset.tokenIndex")
    return found


Box = tuple[float, float, float, float]


def plot_of(screen: Screen) -> Box:
    """Return where the heatmap stands on its canvas: x, y, width, height."""
    sent = screen.page.panel("matrix")
    images = screen.drawn("drawImage", "inspector")
    (found,) = [image for image in images if image["pixels"] == [sent["p_cols"], sent["p_rows"]]]
    return found["at"][0], found["at"][1], found["size"][0], found["size"][1]


def strips_of(screen: Screen) -> dict[str, Box]:
    """Return where each strip of the map stands on the canvas, by its tensor."""
    lines = [line for line in screen.page.panel("map")["lines"] if line["rows"]]
    images = screen.drawn("drawImage", "map")
    assert [image["pixels"][1] for image in images] == [line["rows"] for line in lines]
    return {line["tensor"]: (*image["at"], *image["size"]) for line, image in zip(lines, images, strict=True)}


def framed(screen: Screen, panel: str) -> list[Box]:
    """The rectangles that mark rows and columns: x, y, width, height, rounded."""
    calls = screen.drawn("strokeRect", panel, "over")
    return [rounded((*call["at"], *call["size"])) for call in calls]


def rounded(box: Box) -> Box:
    x, y, width, height = (round(number, 3) for number in box)
    return x, y, width, height


def row_of(screen: Screen, position: int) -> Box:
    """The frame of a row of the pattern."""
    x, y, width, height = plot_of(screen)
    return rounded((x - 2, y + position * height / 13, width + 4, height / 13))


def column_of(screen: Screen, position: int) -> Box:
    """The frame of a column of the pattern."""
    x, y, width, height = plot_of(screen)
    return rounded((x + position * width / 13, y - 2, width / 13, height + 4))


def strip_column(screen: Screen, position: int) -> tuple[float, float]:
    """From where to where a column of the strips reaches."""
    x, _, width, _ = strips_of(screen)["transformer.wte"]
    return x + position * width / 13, width / 13


def test_a_chip_under_the_pointer_marks_its_row_and_column_everywhere_without_the_server(screen: Screen) -> None:
    before = framed(screen, "map")
    assert framed(screen, "inspector") == [row_of(screen, 12)]  # the token that is followed
    screen.tab.locator(f'[data-token-index="{CROPPED + 3}"]').hover()
    assert screen.is_quiet()
    assert marked(screen) == ([str(CROPPED + 3)], [])
    assert framed(screen, "inspector") == [row_of(screen, 12), column_of(screen, 3), row_of(screen, 3)]
    (column,) = [frame for frame in framed(screen, "map") if frame not in before]
    left, width = strip_column(screen, 3)
    assert (column[0], column[2]) == pytest.approx((left, width), abs=0.01)
    last = strips_of(screen)["lm_head"]
    assert column[1] <= 1 and column[1] + column[3] >= last[1] + last[3] - 1  # through all lines
    screen.tab.locator('[data-token-index="2"]').hover()  # a token that the model does not see
    assert marked(screen) == ([], [])
    assert framed(screen, "inspector") == [row_of(screen, 12)]
    assert framed(screen, "map") == before


def test_the_arrow_keys_lock_one_token_after_the_other(screen: Screen) -> None:
    chips = screen.tab.locator('[aria-label="Tokens of the prompt"]')
    last = len(LONG) - 1
    steps: list[tuple[str, int | None]] = [
        *(("ArrowLeft", last - 1), ("ArrowLeft", last - 2), ("Home", CROPPED), ("ArrowLeft", CROPPED)),
        *(("ArrowRight", CROPPED + 1), ("End", last), ("ArrowRight", last), ("Escape", None)),
    ]
    for key, at in steps:
        screen.forget()
        chips.press(key)
        event = screen.reported("follow")
        assert (event["token"], event["text"]) == (at, LONG), key
        assert pressed(screen) == ([] if at is None else [str(at)]), key


def follow_line(screen: Screen) -> float:
    """The middle of the dark line through the strips."""
    (line,) = screen.drawn("fillRect", "map", "over")
    middle: float = line["at"][0] + line["size"][0] / 2
    return middle


def middle_of(screen: Screen, position: int) -> float:
    left, width = strip_column(screen, position)
    return left + width / 2


def test_a_click_on_a_chip_locks_its_token_and_another_lets_go(screen: Screen) -> None:
    assert pressed(screen) == []
    assert follow_line(screen) == pytest.approx(middle_of(screen, 12), abs=0.01)
    chip = screen.tab.locator(f'[data-token-index="{CROPPED + 4}"]')
    chip.click()
    event = screen.reported("follow")
    assert (event["token"], event["text"]) == (CROPPED + 4, LONG)
    for _ in range(2):  # before the server's answer and behind it
        assert pressed(screen) == [str(CROPPED + 4)]
        assert follow_line(screen) == pytest.approx(middle_of(screen, 4), abs=0.01)
        assert row_of(screen, 4) in framed(screen, "inspector")
        assert row_of(screen, 12) not in framed(screen, "inspector")
        screen.page.follow(CROPPED + 4)
        screen.show()
    screen.forget()
    chip.click()
    assert screen.reported("follow")["token"] is None
    assert pressed(screen) == []
    assert follow_line(screen) == pytest.approx(middle_of(screen, 12), abs=0.01)
    screen.forget()
    screen.tab.locator('[data-token-index="2"]').click()  # not seen: nothing to follow
    assert screen.is_quiet()


def test_a_click_on_a_column_of_the_strips_locks_its_token(screen: Screen) -> None:
    for name in ("transformer.wpe", f"{BLOCK}.mlp.gelu"):
        screen.forget()
        _, y, _, height = strips_of(screen)[name]
        left, width = strip_column(screen, 7)
        over = screen.tab.locator(f"{screen.panel('map')} canvas.over")
        over.click(position={"x": left + 0.8 * width, "y": y + height / 2})
        event = screen.reported("follow")
        assert (event["token"], event["text"]) == (CROPPED + 7, LONG)
        assert pressed(screen) == [str(CROPPED + 7)]
    screen.page.follow(CROPPED + 7)
    screen.show()
    screen.forget()
    over.click(position={"x": left + 0.2 * width, "y": y + height / 2})
    assert screen.reported("follow")["token"] is None


def test_a_click_on_a_label_of_the_stage_locks_its_token(screen: Screen) -> None:
    x, y, width, height = plot_of(screen)
    over = screen.tab.locator(f"{screen.panel('inspector')} canvas.over")
    over.click(position={"x": x - 10, "y": y + 5.8 * height / 13})
    assert screen.reported("follow")["token"] == CROPPED + 5
    assert pressed(screen) == [str(CROPPED + 5)]
    over.click(position={"x": x + 9.2 * width / 13, "y": y + height + 12})
    assert screen.reported("follow")["token"] == CROPPED + 9
    screen.page.follow(CROPPED + 9)
    screen.show()
    over.click(position={"x": x - 10, "y": y + 9.5 * height / 13})
    assert screen.reported("follow")["token"] is None
    screen.page.select("lm_head")  # rows are no tokens of the prompt
    screen.show()
    x, y, width, height = plot_of(screen)
    screen.forget()
    over.click(position={"x": x - 10, "y": y + height / 2})
    assert screen.is_quiet()
    over.click(position={"x": x + 2.5 * width / 13, "y": y + height + 12})
    assert screen.reported("follow")["token"] == CROPPED + 2


def test_chips_of_a_very_long_prompt_keep_their_numbers(
    launched: BrowserContext, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEW", 5000)  # as many as only a model with a longer context may have otherwise
    text = ("abcdefghijkl" * 400)[:4200]  # more than travel
    page.type(text)
    with bench(launched, page) as screen:

        def chips() -> list[list[str]]:
            script = "(c) => [c.dataset.tokenIndex, c.textContent, String(c.matches('.cropped'))]"
            return screen.all("[data-token-index]", script)

        def expected(start: int, stop: int) -> list[list[str]]:
            return [[str(i), text[i], str(i < 4187).lower()] for i in range(start, stop)]

        line = screen.tab.get_by_role("group", name="Tokens of the prompt")
        assert chips() == expected(4136, 4200)
        assert line.get_attribute("class") == "chips more-before"
        screen.tab.locator('[data-token-index="4190"]').hover()
        assert marked(screen) == (["4190"], [])
        assert row_of(screen, 3) in framed(screen, "inspector")
        overview = screen.tab.locator(f"{screen.panel('prompt')} canvas.overview")
        overview.click(position={"x": 75, "y": 12})  # its middle
        shown = chips()
        start = int(shown[0][0])
        assert abs(start + 64 - 6 - 2100) <= 28  # tokens in a pixel
        assert shown == expected(start, start + 64)
        assert line.get_attribute("class") == "chips more-before more-behind"


def test_where_all_tokens_have_room_the_overview_scrolls_none_away(screen: Screen) -> None:
    overview = screen.tab.locator(f"{screen.panel('prompt')} canvas.overview")
    script = "(chip) => [chip.dataset.tokenIndex, chip.getBoundingClientRect().left]"
    before = screen.all("[data-token-index]", script)
    assert [index for index, _ in before] == [str(i) for i in range(len(LONG))]
    overview.click(position={"x": 40, "y": 2})
    assert screen.all("[data-token-index]", script) == before
    screen.page.type(f"{LONG}a")
    screen.show()
    assert len(screen.all("[data-token-index]", script)) == len(before) + 1  # the end is followed as before


def test_a_token_that_was_locked_elsewhere_comes_into_sight(launched: BrowserContext, tmp_path: Path) -> None:
    text = ("ba木é\nж cab é→木deßjafλ hij" * 9)[:200]
    model = lopsided(block_size=200)
    with pytest.MonkeyPatch.context() as patch:
        page = Page(write_folder(tmp_path / "long", model, prompt=text), patch)
    with bench(launched, page) as screen:
        x, y, width, height = strips_of(screen)["transformer.wte"]
        over = screen.tab.locator(f"{screen.panel('map')} canvas.over")
        assert screen.tab.locator('[data-token-index="20"]').count() == 0
        over.click(position={"x": x + 20.5 * width / 200, "y": y + height / 2})
        assert screen.reported("follow")["token"] == 20
        assert pressed(screen) == ["20"]
        script = """(chip) => {
            const [box, own] = [chip.parentElement.getBoundingClientRect(), chip.getBoundingClientRect()];
            return own.left >= box.left - 1 && own.right <= box.right + 1;
        }"""
        assert screen.tab.locator('[data-token-index="20"]').evaluate(script)


# ---- strips ------------------------------------------------------------------------------------------------------


def test_the_strips_are_drawn_in_the_colours_of_their_numbers(screen: Screen, trace: Trace) -> None:
    lines = {line["tensor"]: line for line in screen.page.panel("map")["lines"]}
    sent = screen.page.strips()
    likely = trace.logits[0, -1].argsort(descending=True)[:16]
    logits = trace.logits[0][:, likely].T.numpy()
    ends = np.where(logits < 0, -lines["lm_head"]["low"], lines["lm_head"]["high"])
    sent["lm_head"] = 2 + np.rint(253 * (0.5 + 0.5 * (logits / ends).clip(-1, 1)))
    places = strips_of(screen)
    assert set(places) == set(sent) and len(sent) == 11
    for name, codes in sent.items():
        x, y, width, height = places[name]
        rows, cols = codes.shape
        points = [(x + (j + 0.5) * width / cols, y + (i + 0.5) * height / rows) for i, j in np.ndindex(rows, cols)]
        found = screen.colours(f"{screen.panel('map')} .sheet > canvas >> nth=0", points)
        expected = on_root_ramp(DIVERGING.light, (codes.ravel() - 2) / 253)
        assert np.abs(found - expected).max() <= 4, name


def arcs(screen: Screen) -> dict[float, float]:
    """Return where each arc begins, and the weight that its width tells."""
    starts, curves = screen.drawn("moveTo", "map"), screen.drawn("bezierCurveTo", "map")
    return {round(start["at"][0], 2): (curve["width"] - 0.75) / 5 for start, curve in zip(starts, curves, strict=True)}


def test_the_arcs_go_to_the_followed_column_from_those_that_it_reads(screen: Screen, trace: Trace) -> None:
    pattern = trace[PATTERN][0, 3]
    for token in (None, CROPPED + 6):
        position = 12 if token is None else token - CROPPED
        screen.page.follow(token)
        screen.show()
        expected = {
            round(middle_of(screen, key), 2): weight
            for key, weight in enumerate(pattern[position].tolist())
            if weight > 0.02
        }
        assert len(expected) >= 2
        assert arcs(screen) == pytest.approx(expected, abs=1e-4)
        ends = {round(curve["at"][0], 2) for curve in screen.drawn("bezierCurveTo", "map")}
        assert ends == {round(middle_of(screen, position), 2)}


def test_a_pixel_of_a_strip_tells_its_number_when_the_pointer_rests(screen: Screen, trace: Trace) -> None:
    name = "transformer.h.1"  # which draws what the block hands on
    x, y, width, height = strips_of(screen)["transformer.h.1.resid_post"]
    over = screen.tab.locator(f"{screen.panel('map')} canvas.over")
    over.hover(position={"x": x + 4.8 * width / 13, "y": y + 7.3 * height / 10})
    assert marked(screen) == ([str(CROPPED + 4)], [])
    assert column_of(screen, 4) in framed(screen, "inspector") and row_of(screen, 4) in framed(screen, "inspector")
    event = screen.reported("map")
    assert (event["kind"], event["id"], event["row"], event["column"]) == ("cell", name, 7, 4)
    screen.page.report("map", **{key: value for key, value in event.items() if key != "seq"})
    screen.show()
    values = trace["transformer.h.1.resid_post"][0, 4, 14:16]
    channel = int(values.abs().argmax())
    told = screen.tab.locator(f"{screen.panel('map')} .tip").inner_text().replace("−", "-")
    assert told.startswith(f"block 1 of {TOKENS[4]}, channel {14 + channel}: ")
    number = re.search(r": (-?[\d.]+) \(farthest from 0 of 2\)", told)
    assert number is not None
    assert float(number[1]) == pytest.approx(values[channel].item(), rel=1e-3)
    over.hover(position={"x": x + 4.8 * width / 13, "y": strips_of(screen)["lm_head"][1] + 2})
    likely = trace.logits[0, -1].argmax()
    told = screen.tab.locator(f"{screen.panel('map')} .tip").inner_text().replace("−", "-")
    label = {" ": "␣", "\n": "↵"}.get(LETTERS[likely], LETTERS[likely])
    assert told.startswith(f"logit of {label} after {TOKENS[4]}: ")
    assert float(re.split(r": | ·", told)[1]) == pytest.approx(trace.logits[0, 4, likely].item(), rel=1e-3)


def test_a_line_selects_its_node_and_a_sign_opens_its_block(screen: Screen) -> None:
    nodes = screen.all(f"{screen.panel('map')} button[data-node]", "(line) => [line.dataset.node, line.ariaPressed]")
    assert nodes == [[line["id"], str(line["id"] == PATTERN).lower()] for line in screen.page.panel("map")["lines"]]
    screen.tab.locator(f'{screen.panel("map")} [data-node="{BLOCK}.mlp.gelu"]').click()
    event = screen.reported("map")
    assert (event["kind"], event["id"]) == ("select", f"{BLOCK}.mlp.gelu")
    chosen = screen.all(f"{screen.panel('map')} [aria-pressed=true][data-node]", "(line) => line.dataset.node")
    assert chosen == [f"{BLOCK}.mlp.gelu"]  # at once
    openers = screen.all(f"{screen.panel('map')} [data-open]", "(sign) => [sign.dataset.open, sign.ariaExpanded]")
    assert openers == [["0", "false"], ["1", "false"], ["2", "true"]]
    screen.forget()
    screen.tab.locator(f'{screen.panel("map")} [data-open="1"]').click()
    event = screen.reported("map")
    assert (event["kind"], event["layer"]) == ("layer", 1)
    screen.page.report("map", kind="layer", id=PATTERN, layer=1)
    screen.show()
    openers = screen.all(f"{screen.panel('map')} [data-open]", "(sign) => [sign.dataset.open, sign.ariaExpanded]")
    assert openers == [["0", "false"], ["1", "true"], ["2", "false"]]


def test_the_keyboard_goes_from_line_to_line_and_from_token_to_token(screen: Screen) -> None:
    focused = "() => deepQuery('[data-node]').filter((line) => line.matches(':focus')).map((line) => line.dataset.node)"
    screen.tab.locator(f'{screen.panel("map")} [data-node="{PATTERN}"]').focus()
    screen.tab.keyboard.press("ArrowDown")
    assert screen.tab.evaluate(focused) == [f"{BLOCK}.resid_mid"]
    screen.tab.keyboard.press("ArrowUp")
    screen.tab.keyboard.press("ArrowUp")
    assert screen.tab.evaluate(focused) == [f"{BLOCK}.ln_1"]
    screen.tab.keyboard.press("ArrowLeft")
    assert screen.reported("follow")["token"] == len(LONG) - 2
    screen.page.follow(len(LONG) - 2)
    screen.show()
    screen.tab.keyboard.press("ArrowRight")
    assert screen.reported("follow")["token"] == len(LONG) - 1
    screen.tab.keyboard.press("Escape")
    assert screen.reported("follow")["token"] is None
    assert screen.tab.evaluate(focused) == [f"{BLOCK}.ln_1"]


def test_each_line_says_what_the_model_would_say_there(screen: Screen) -> None:
    rows = {row["name"]: row["top"][0] for row in screen.page.panel("lens")["rows"]}
    lines = [line for line in screen.page.panel("map")["lines"] if line["says"]]
    says = screen.all(f"{screen.panel('map')} .say", "(say) => Array.from(say.children, (part) => part.textContent)")
    first, *_, last = rows
    names = [{"transformer.embed": first, "lm_head": last}.get(line["tensor"], line["tensor"]) for line in lines]
    assert len({rows[name]["id"] for name in names}) >= 2
    for name, (_, word, p) in zip(names, says, strict=True):
        assert word == {" ": "␣", "\n": "↵"}.get(rows[name]["label"], rows[name]["label"]), name
        assert abs(float(p.removesuffix(" %")) - 100 * rows[name]["probability"]) < 1, name


def test_the_form_of_the_map_is_chosen_by_its_name(screen: Screen) -> None:
    screen.tab.get_by_role("button", name="Diagram", exact=True).click()
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("form", "diagram")
    assert screen.tab.locator(f"{screen.panel('map')} g.node").count() == 0
    screen.page.look("form", "diagram")
    screen.show()
    assert screen.tab.locator(f"{screen.panel('map')} .strips").is_hidden()
    assert screen.tab.locator(f'{screen.panel("map")} g.node[data-node="{PATTERN}"]').is_visible()


# ---- heatmap -----------------------------------------------------------------------------------------------------


def test_the_plot_is_where_the_matrix_is_drawn(launched: BrowserContext, page: Page) -> None:
    with bench(launched, page) as screen:
        for node, layer, head in ((PATTERN, "2", "3"), (f"{BLOCK}.attn.k_t", "2", "3"), ("transformer.wte", "", "")):
            page.select(node)
            screen.show()
            plot = screen.tab.locator('[data-role="plot"]')
            script = (
                "(e) => { const { x, y, width, height } = e.getBoundingClientRect(); return [x, y, width, height]; }"
            )
            found = plot.evaluate(script)
            corner = screen.tab.locator(f"{screen.panel('inspector')} canvas.over").evaluate(script)
            x, y, width, height = plot_of(screen)
            assert found == pytest.approx([corner[0] + x, corner[1] + y, width, height], abs=0.6), node
            told = [plot.get_attribute(f"data-{name}") for name in ("name", "layer", "head")]
            assert told == [node, layer, head]
            assert width == height or node != PATTERN


def point(screen: Screen, row: int, col: int) -> dict[str, str]:
    """Puts the pointer into a cell, off its middle; what the panel then tells."""
    sent = screen.page.panel("matrix")
    x, y, width, height = plot_of(screen)
    canvas = screen.tab.locator(f"{screen.panel('inspector')} canvas.over")
    cell = (x + (col + 0.8) * width / sent["cols"], y + (row + 0.3) * height / sent["rows"])
    canvas.hover(position={"x": cell[0], "y": cell[1]})
    found: dict[str, str] = screen.tab.locator(screen.panel("inspector")).evaluate("(panel) => ({ ...panel.dataset })")
    return found


def tip(screen: Screen) -> str:
    """Text that stands beside the cell under the pointer."""
    return screen.tab.locator(f"{screen.panel('inspector')} .tip").inner_text().replace("−", "-")


def test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked(screen: Screen, trace: Trace) -> None:
    told = point(screen, 10, 4)
    weight = trace[PATTERN][0, 3, 10, 4].item()
    assert (told["row"], told["col"]) == ("10", "4")
    assert float(told["value"]) == pytest.approx(weight, abs=1e-6)
    assert tip(screen).startswith("query 'i' (10) → key 'j' (4): ")
    assert float(tip(screen).rpartition(": ")[2]) == pytest.approx(weight, rel=1e-3)
    assert marked(screen) == ([str(CROPPED + 4)], [str(CROPPED + 10)])
    columns = {round(frame[0], 1) for frame in framed(screen, "map")}
    assert {round(strip_column(screen, position)[0], 1) for position in (4, 10)} <= columns


@pytest.mark.parametrize(
    ("node", "row", "col", "words", "chip"),
    [
        (f"{BLOCK}.mlp.gelu", 70, 11, "4C 70 · token 'j' (11): ", 11),
        (f"{BLOCK}.attn.k_t", 4, 9, "D 4 · token 'h' (9): ", 9),
        ("lm_head", 20, 2, "V '{}' ({}) · token 'e' (2): ", 2),
        ("transformer.h.0.attn.v", 1, 12, "D 1 · token 'ж' (12): ", 12),
    ],
)
def test_rows_and_columns_are_not_taken_for_each_other(
    launched: BrowserContext, page: Page, trace: Trace, node: str, row: int, col: int, words: str, chip: int
) -> None:
    page.select(node)
    order = trace.logits[0, -1].argsort(descending=True)
    with bench(launched, page) as screen:
        told = point(screen, row, col)
        tensor = trace[node][0]
        tensor = tensor[3] if tensor.dim() == 3 else tensor
        value = tensor[row, col] if node.endswith("k_t") else tensor[col, order[row] if node == "lm_head" else row]
        assert (told["row"], told["col"]) == (str(row), str(col))
        assert float(told["value"]) == pytest.approx(value.item(), abs=1e-5)
        label = LETTERS[order[row]] if node == "lm_head" else ""
        shown = {" ": "␣", "\n": "↵"}.get(label, label)
        assert tip(screen).startswith(words.format(shown, LETTERS.find(label)))
        assert marked(screen) == ([str(CROPPED + chip)], [])


def test_the_keyboard_goes_from_cell_to_cell(screen: Screen, trace: Trace) -> None:
    panel = screen.tab.locator(screen.panel("inspector"))
    canvas = panel.locator("canvas.over")
    places = (("ArrowUp", 12, 0), ("ArrowUp", 11, 0), ("ArrowRight", 11, 1), ("Shift+ArrowRight", 11, 11))
    for key, row, col in places:
        canvas.press(key)
        assert (panel.get_attribute("data-row"), panel.get_attribute("data-col")) == (str(row), str(col)), key
        value = float(panel.get_attribute("data-value") or "nan")
        assert value == pytest.approx(trace[PATTERN][0, 3, row, col].item(), abs=1e-6)


def test_the_keyboard_begins_in_the_followed_column(screen: Screen) -> None:
    screen.page.follow(CROPPED + 7)
    screen.page.select(f"{BLOCK}.ln_1")
    screen.show()
    panel = screen.tab.locator(screen.panel("inspector"))
    panel.locator("canvas.over").press("ArrowDown")
    assert (panel.get_attribute("data-row"), panel.get_attribute("data-col")) == ("0", "7")


def labels_of(screen: Screen) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Labels beside the rows with their heights, and below the columns with their places, in order."""
    x, y, _, height = plot_of(screen)
    told = [(call["text"], *call["at"]) for call in screen.drawn("fillText", "inspector")]
    beside = [(text, top) for text, left, top in told if x - 7 <= left <= x - 5]
    below = [(text, left) for text, left, top in told if y + height < top < y + height + 13]
    return sorted(beside, key=lambda label: label[1]), sorted(below, key=lambda label: label[1])


def test_labels_stand_at_their_rows_and_columns(launched: BrowserContext, page: Page, trace: Trace) -> None:
    best = [LETTERS[index] for index in trace.logits[0, 4].argsort(descending=True).tolist()]
    letters = [{" ": "␣", "\n": "↵"}.get(letter, letter) for letter in best]
    cases = {
        PATTERN: ("← query", TOKENS, "key →", TOKENS),
        f"{BLOCK}.attn.k_t": ("← D", list("01234"), "token →", TOKENS),
        "lm_head": ("← V", letters, "token →", TOKENS),
    }
    page.follow(CROPPED + 4)
    with bench(launched, page) as screen:
        for node, (rows_name, rows, cols_name, cols) in cases.items():
            page.select(node)
            screen.show()
            x, y, width, height = plot_of(screen)
            beside, below = labels_of(screen)
            assert [text for text, _ in beside] == rows, node
            middles = [y + (i + 0.5) * height / len(rows) for i in range(len(rows))]
            assert [top for _, top in beside] == pytest.approx(middles, abs=1), node
            assert [text for text, _ in below] == cols, node
            middles = [x + (i + 0.5) * width / len(cols) for i in range(len(cols))]
            assert [left for _, left in below] == pytest.approx(middles, abs=1), node
            told = [(call["text"], *call["at"]) for call in screen.drawn("fillText", "inspector")]
            names = [(text, left, top) for text, left, top in told if text in (rows_name, cols_name)]
            (of_cols,) = [name for name in names if name[0] == cols_name and name[2] > y + height]
            (of_rows,) = [name for name in names if name[0] == rows_name and name[1] < x]
            assert x < of_cols[1] < x + width and y < of_rows[2] < y + height


def test_a_warning_that_stays_covers_no_token(screen: Screen) -> None:
    notice = screen.tab.locator(f"{screen.panel('prompt')} .notice")
    assert "last 13 of 19" in notice.inner_text()
    box, chips = notice.bounding_box(), screen.tab.locator('[aria-label="Tokens of the prompt"]').bounding_box()
    assert box is not None and chips is not None
    assert box["x"] + box["width"] <= chips["x"]
    assert box["y"] >= chips["y"] - 8 and box["y"] + box["height"] <= chips["y"] + chips["height"] + 8


def test_a_closer_look_shows_whole_cells_with_their_own_labels_and_values(screen: Screen, trace: Trace) -> None:
    x, y, width, height = plot_of(screen)
    canvas = screen.tab.locator(f"{screen.panel('inspector')} canvas.over")
    canvas.hover(position={"x": x + 3.5 * width / 13, "y": y + 9.5 * height / 13})
    screen.tab.mouse.wheel(0, -100)
    wait_until(screen.tab, "() => drawn('fillText').filter((call) => call.panel === 'inspector').length < 28")
    beside, below = labels_of(screen)
    rows, cols = len(beside), len(below)
    assert rows == cols < 13
    row, col = TOKENS.index(beside[0][0]), TOKENS.index(below[0][0])
    assert [text for text, _ in beside] == TOKENS[row : row + rows]
    assert [text for text, _ in below] == TOKENS[col : col + cols]
    canvas.hover(position={"x": x + 1.5 * width / cols, "y": y + 2.5 * height / rows})
    panel = screen.tab.locator(screen.panel("inspector"))
    assert (panel.get_attribute("data-row"), panel.get_attribute("data-col")) == (str(row + 2), str(col + 1))
    value = trace[PATTERN][0, 3, row + 2, col + 1].item()
    assert float(panel.get_attribute("data-value") or "nan") == pytest.approx(value, abs=1e-6)
    canvas.press("0")
    assert len(labels_of(screen)[0]) == 13


def colours_of_cells(screen: Screen, rows: int, cols: int) -> np.ndarray:
    """The colour in the middle of each cell, (rows, cols, 3)."""
    x, y, width, height = plot_of(screen)
    places = [(x + (j + 0.5) * width / cols, y + (i + 0.5) * height / rows) for i, j in np.ndindex(rows, cols)]
    return screen.colours(f"{screen.panel('inspector')} .box > canvas >> nth=0", places).reshape(rows, cols, 3)


def of_head(pattern: np.ndarray) -> np.ndarray:
    """The colours of a pattern's weights, as many as there are."""
    return of_weight(np.rint(pattern * 253) / 253)


SEEN_PAST = np.tri(13, dtype=bool)
"""Cells of a pattern that are not masked: the others are hatched."""


def test_the_colours_are_those_of_the_values(launched: BrowserContext, page: Page, trace: Trace) -> None:
    with bench(launched, page) as screen:
        for node in (PATTERN, f"{BLOCK}.attn.scores", f"{BLOCK}.attn.k_t", f"{BLOCK}.mlp.gelu"):
            page.select(node)
            screen.show()
            values = trace[node][0, 3].numpy() if ".attn." in node else trace[node][0].T.numpy()
            found = colours_of_cells(screen, *values.shape)
            if node == PATTERN:
                assert np.abs(found - of_head(values))[SEEN_PAST].max() <= 1
                continue
            most = np.quantile(np.abs(values), 0.98 if node.endswith("gelu") else 1)
            share = 0.5 + 0.5 * (values / most).clip(-1, 1)
            expected = on_ramp(DIVERGING.light, np.rint(share * 253) / 253)
            assert np.abs(found - expected).max() <= 1, node
            assert len(np.unique(found[values < 0], axis=0)) >= 5, node


def test_a_row_s_own_scale_ends_at_its_largest_weight(screen: Screen, trace: Trace) -> None:
    pattern = trace[PATTERN][0, 3].numpy()
    buttons = screen.tab.get_by_role("group", name="Scale of the colours")
    buttons.get_by_role("button", name="per row").click()
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("scale", "row")
    screen.page.look("scale", "row")
    screen.show()
    expected = of_head(pattern / pattern.max(axis=1, keepdims=True))
    assert np.abs(colours_of_cells(screen, 13, 13) - expected)[SEEN_PAST].max() <= 1
    told = point(screen, 10, 4)  # the weight stays the weight
    assert float(told["value"]) == pytest.approx(pattern[10, 4], abs=1e-6)


def test_a_head_under_the_pointer_is_shown_on_the_stage_at_once(screen: Screen, trace: Trace) -> None:
    own, other = trace[PATTERN][0, 3].numpy(), trace[PATTERN][0, 1].numpy()
    screen.tab.locator('[data-layer="2"][data-head="1"]').hover()
    assert screen.is_quiet()
    expected = of_weight(np.rint(other * 254) / 254)
    assert np.abs(colours_of_cells(screen, 13, 13) - expected)[SEEN_PAST].max() <= 1
    screen.tab.locator("[data-role=prompt]").hover()
    assert np.abs(colours_of_cells(screen, 13, 13) - of_head(own))[SEEN_PAST].max() <= 1


def test_the_pattern_of_a_head_that_is_off_is_pale_and_says_so(screen: Screen, trace: Trace) -> None:
    pattern = trace[PATTERN][0, 3].numpy()
    darkest = np.unravel_index(np.argmax(pattern * SEEN_PAST), pattern.shape)
    x, y, width, height = plot_of(screen)
    middle = [x + (darkest[1] + 0.5) * width / 13, y + (darkest[0] + 0.5) * height / 13]
    opaque = """(canvas, [x, y]) => {
        const { data } = canvas.getContext("2d").getImageData(x - 4, y - 4, 8, 8);
        return Math.min(...data.filter((_, i) => i % 4 === 3)) / 255;
    }"""
    canvas = screen.tab.locator(f"{screen.panel('inspector')} .box > canvas").first
    assert canvas.evaluate(opaque, middle) == 1
    ink = (255 - colours_of_cells(screen, 13, 13)[darkest]).sum()
    screen.page.report("node", kind="off", id=PATTERN)
    screen.show()
    assert 0 < canvas.evaluate(opaque, middle) < 0.5
    assert "head 2.3 is off" in [call["text"] for call in screen.drawn("fillText", "inspector")]
    told = point(screen, 10, 4)  # the weight is told as it is
    assert float(told["value"]) == pytest.approx(pattern[10, 4], abs=1e-6)
    assert tip(screen).endswith(" · head 2.3 is off")
    screen.page.pick_head(2, 1)  # that one is on, and shows the other one pale while one points at it
    screen.show()
    assert np.abs(colours_of_cells(screen, 13, 13) - of_head(trace[PATTERN][0, 1].numpy()))[SEEN_PAST].max() <= 1
    screen.tab.locator('[data-layer="2"][data-head="3"]').hover()
    assert 0 < (255 - colours_of_cells(screen, 13, 13)[darkest]).sum() < 0.5 * ink


def test_links_join_each_query_with_the_keys_that_it_reads(screen: Screen, trace: Trace) -> None:
    screen.page.look("plot", "links")
    for token in (None, CROPPED + 9):
        screen.page.follow(token)
        screen.show()
        pattern = trace[PATTERN][0, 3].numpy() * SEEN_PAST
        rows = range(13) if token is None else [9]  # all of them, until one is locked
        weights = [pattern[row, key] for row in rows for key in range(row + 1) if pattern[row, key] > 0.02]
        found = screen.drawn("bezierCurveTo", "inspector")
        thin = 0.5 if token is None else 1.2
        assert [(curve["width"] - thin) / 3 for curve in found] == pytest.approx(weights, abs=1e-5)


def test_the_legend_names_both_ends_of_the_scale(launched: BrowserContext, page: Page, trace: Trace) -> None:
    usual = np.quantile(trace[f"{BLOCK}.mlp.gelu"].abs().numpy(), 0.98)  # a GELU's largest few are off its scale
    cases: dict[str, tuple[Any, float, Any]] = {
        f"{BLOCK}.attn.scores": (-trace[f"{BLOCK}.attn.scores"][0, 3].abs().max(), 0, None),
        f"{BLOCK}.mlp.gelu": (-usual, 0, usual),
        PATTERN: (0, 0.25, 1),
    }
    with bench(launched, page) as screen:
        for node, (low, middle, high) in cases.items():
            page.select(node)
            screen.show()
            told = sorted(screen.drawn("fillText", "inspector", "legend"), key=lambda call: call["at"][0])
            ends = [float(low), float(middle), float(-low if high is None else high)]
            found = [float(call["text"].replace("−", "-")) for call in told]
            assert found == pytest.approx([float(f"{end:.3g}") for end in ends], abs=1e-6), node


# ---- heads -------------------------------------------------------------------------------------------------------


def assert_pictures(screen: Screen, trace: Trace, heads: list[tuple[int, int]]) -> None:
    """Each button lies over its own head's picture."""
    canvas = f"{screen.panel('attention')} canvas"
    corner = screen.tab.locator(canvas).evaluate("(canvas) => canvas.getBoundingClientRect().toJSON()")
    script = """(b) => {
        const { left, top, width } = b.getBoundingClientRect();
        return [b.dataset.layer, b.dataset.head, left, top, width].map(Number);
    }"""
    buttons = screen.all(f"{screen.panel('attention')} [data-head]", script)
    assert [(layer, head) for layer, head, *_ in buttons] == heads
    for layer, head, left, top, side in buttons:
        pattern = trace[f"transformer.h.{int(layer)}.attn.pattern"][0, int(head)].numpy()
        x, y = left - corner["left"], top - corner["top"]
        places = [(x + (j + 0.5) * side / 13, y + (i + 0.5) * side / 13) for i, j in np.ndindex(13, 13)]
        expected = of_weight(np.rint(pattern * 254) / 254).reshape(-1, 3)
        assert np.abs(screen.colours(canvas, places) - expected).max() <= 1, (layer, head)


def test_the_picture_under_each_button_is_its_own_head_s(screen: Screen, trace: Trace) -> None:
    assert_pictures(screen, trace, [(2, head) for head in range(4)])  # the film: the heads of the block
    screen.page.look("plot", "heads")
    screen.show()
    assert_pictures(screen, trace, list(np.ndindex(3, 4)))


def chosen(screen: Screen) -> list[list[str]]:
    return screen.all("[data-head][aria-pressed=true]", "(button) => [button.dataset.layer, button.dataset.head]")


def test_a_thumbnail_reports_its_own_head(screen: Screen) -> None:
    assert chosen(screen) == [["2", "3"]]
    screen.tab.locator('[data-layer="2"][data-head="1"]').click()
    event = screen.reported("heads")
    assert (event["layer"], event["head"]) == (2, 1)
    screen.page.choose_head(1)
    screen.tab.locator("[data-role=prompt]").hover()
    screen.show()
    assert chosen(screen) == [["2", "1"]]
    screen.page.look("plot", "heads")
    screen.show()
    told = screen.tab.locator(f"{screen.panel('attention')} header .number")
    assert told.inner_text() == "layer 2 · head 1"
    assert chosen(screen) == [["2", "1"]]
    screen.forget()
    screen.tab.locator('[data-layer="1"][data-head="2"]').click()
    event = screen.reported("heads")
    assert (event["layer"], event["head"]) == (1, 2)
    assert told.inner_text() == "layer 1 · head 2"
    look = screen.reported("look")  # back to one head
    assert (look["name"], look["word"]) == ("plot", "grid")
    screen.page.pick_head(1, 2)
    screen.page.look("plot", "grid")
    screen.show()
    assert chosen(screen) == [["1", "2"]]
    assert screen.all(f"{screen.panel('attention')} [data-head]", "(b) => b.dataset.layer") == ["1"] * 4


def test_the_arrow_keys_go_from_head_to_head(screen: Screen) -> None:
    focused = (
        "() => deepQuery('[data-head]').filter((b) => b.matches(':focus')).map((b) => b.getAttribute('aria-label'))"
    )
    screen.tab.locator('[data-layer="2"][data-head="1"]').focus()
    for key, place in (
        *(("ArrowDown", "layer 2, head 2"), ("ArrowRight", "layer 2, head 3"), ("ArrowDown", "layer 2, head 3")),
        *(("ArrowUp", "layer 2, head 2"), ("ArrowLeft", "layer 2, head 1")),
    ):
        screen.tab.keyboard.press(key)
        assert screen.tab.evaluate(focused) == [place]
    screen.page.look("plot", "heads")
    screen.show()
    screen.tab.locator('[data-layer="0"][data-head="1"]').focus()
    for key, place in (
        ("ArrowDown", "layer 1, head 1"),
        ("ArrowRight", "layer 1, head 2"),
        ("ArrowDown", "layer 2, head 2"),
        ("ArrowDown", "layer 2, head 2"),
        ("ArrowLeft", "layer 2, head 1"),
    ):
        screen.tab.keyboard.press(key)
        assert screen.tab.evaluate(focused) == [place]


# ---- next tokens -------------------------------------------------------------------------------------------------


def test_the_rows_are_the_next_tokens_in_order(launched: BrowserContext, page: Page, trace: Trace) -> None:
    page.set_sampling(0.6, 20)
    page.follow(CROPPED + 4)
    logits = trace.logits[0, 4].double()
    expected = (logits / 0.6).softmax(-1)
    order = logits.argsort(descending=True)[:20].tolist()
    with bench(launched, page) as screen:
        assert screen.tab.locator(screen.panel("prediction")).get_attribute("data-position") == "4"
        assert screen.tab.locator(f"{screen.panel('prediction')} .after").inner_text() == TOKENS[4]
        script = """(row) => [row.dataset.tokenId, row.dataset.probability, row.querySelector('.bar').style.width,
            ...['token', 'p', 'logit'].map((name) => row.querySelector(`.${name}`).textContent), row.title]"""
        rows = screen.all("[data-role=next-token]", script)
        assert [int(row[0]) for row in rows] == order
        for index, row, rank in zip(order, rows, range(1, 21), strict=True):
            p = expected[index].item()
            assert float(row[1]) == pytest.approx(p, abs=1e-5)
            width = re.search(r"([\d.]+(e-\d+)?)%", row[2])
            assert width is not None
            assert float(width[1]) == pytest.approx(100 * p, abs=1e-3)
            assert row[3] == {" ": "␣", "\n": "↵"}.get(LETTERS[index], LETTERS[index])
            if p >= 0.001:
                assert float(row[4].removesuffix(" %")) == pytest.approx(100 * p, rel=0.05)
            assert float(row[5].replace("−", "-")) == pytest.approx(logits[index].item(), abs=0.002)
            assert f"rank {rank}" in row[6]
        assert screen.tab.locator(f"{screen.panel('prediction')} output").inner_text() == "0.60"
        told = dict(screen.all("[data-fact]", "(fact) => [fact.dataset.fact, fact.textContent]"))
        target = encode(seen(LONG, MODEL))[5]
        loss = -logits.log_softmax(-1)[target].item()
        rank = 1 + int((logits > logits[target]).sum())
        assert told["target"] == f"target{TOKENS[5]}"
        assert (told["loss"], told["rank"]) == (f"loss{loss:.3f}", f"rank{rank}")


def test_the_rows_of_the_lens_are_the_depths(screen: Screen, trace: Trace) -> None:
    screen.page.follow(CROPPED + 4)
    screen.show()
    lens = logit_lens(trace, positions=4)
    panel = screen.tab.locator(screen.panel("lens"))
    told = [panel.get_attribute(f"data-{name}") for name in ("async", "position", "text")]
    assert told == ["true", "4", LONG]
    script = """(row) => [row.dataset.name, row.dataset.tokenId, row.dataset.probability, row.children[0].textContent,
        Array.from(row.querySelectorAll(".word"), (word) => word.textContent),
        Array.from(row.querySelectorAll(".share"), (share) => share.textContent)]"""
    rows = screen.all("[data-role=lens-row]", script)
    assert [row[0] for row in rows] == list(lens.names)
    assert [row[3] for row in rows] == ["emb", "block 0", "block 1", "block 2"]
    for (_, token, probability, _, words, shares), logits in zip(rows, lens.logits[:, 0, 0], strict=True):
        p = logits.double().softmax(-1)
        best = p.argsort(descending=True)[:3].tolist()
        assert int(token) == best[0]
        assert float(probability) == pytest.approx(p[best[0]].item(), abs=1e-5)
        assert words == [{" ": "␣", "\n": "↵"}.get(LETTERS[index], LETTERS[index]) for index in best]
        assert shares == [f"{100 * p[index]:.0f} %" if p[index] >= 0.005 else "< 1 %" for index in best]
    screen.tab.locator("[data-role=lens-row]").nth(2).click()
    event = screen.reported("lens")
    assert (event["kind"], event["id"]) == ("select", lens.names[2])


def test_the_lens_of_a_large_model_is_asked_for_when_typing_rests(
    launched: BrowserContext, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.views.explore.QUICK", 1.0)
    page.follow(CROPPED + 4)
    with bench(launched, page) as screen:
        assert screen.tab.locator("[data-role=lens-row]").count() == 0
        event = screen.reported("lens")
        assert (event["kind"], event["text"], event["position"]) == ("read", LONG, 4)
        page.report("lens", kind="read", text=LONG, position=4)
        screen.show()
        panel = screen.tab.locator(screen.panel("lens"))
        assert (panel.get_attribute("data-text"), panel.get_attribute("data-position")) == (LONG, "4")
        assert screen.tab.locator("[data-role=lens-row]").count() == 4
        page.type(LONG + "a")
        screen.show()
        assert panel.get_attribute("data-text") == LONG  # its rows are still those of the prompt before
        assert "old" in (panel.get_attribute("class") or "").split()


def test_a_click_on_a_row_appends_its_token(screen: Screen, trace: Trace) -> None:
    row = screen.tab.locator("[data-role=next-token]").nth(3)
    row.click()
    event = screen.reported("prediction")
    assert event["append"]["id"] == trace.logits[0, -1].argsort(descending=True)[3].item()
    assert event["append"]["text"] == LONG
    assert (event["temperature"], event["top_k"]) == (1.0, 10)


def test_the_slider_tells_the_temperature(screen: Screen) -> None:
    screen.tab.locator(f"{screen.panel('prediction')} select").select_option("20")
    assert screen.reported("prediction")["top_k"] == 20
    screen.page.set_sampling(1.0, 20)  # the answer: only then the next one is sent
    screen.draw("explore_panels", acknowledged(screen, "prediction"))
    screen.forget()
    screen.tab.locator(f"{screen.panel('prediction')} input[type=range]").press("ArrowLeft")
    event = screen.reported("prediction")
    assert (event["temperature"], event["top_k"]) == (0.95, 20)


def acknowledged(screen: Screen, panel: str) -> dict[str, object]:
    """Return what was sent last, as the answer to what the panel reported last."""
    sent = screen.page.data()
    sent["panels"][panel]["ack"] = screen.reported(panel)["seq"]
    return sent


# ---- timeline ----------------------------------------------------------------------------------------------------


def points(path: str) -> list[tuple[float, float]]:
    """The places that a path goes through."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_each_stop_of_the_slider_is_its_step(screen: Screen) -> None:
    slider = screen.tab.locator("[data-role=timeline]")
    assert slider.get_attribute("max") == str(len(STEPS))
    for index, step in enumerate((*STEPS, None)):
        screen.forget()
        slider.evaluate("(s, to) => { s.value = to; s.dispatchEvent(new Event('input')); }", index)
        event = screen.reported("timeline")
        assert (event["step"], event["source"]) == (step, screen.page.source)
        assert slider.get_attribute("aria-valuetext") == ("final model" if step is None else f"step {step}")
        screen.draw("explore_panels", acknowledged(screen, "timeline"))


def test_the_strip_shows_where_the_page_is(launched: BrowserContext, page: Page, trained: Path) -> None:
    line = json.loads((trained / FOLDER / INDEX).read_text().splitlines()[1])
    page.move(40, "duplicate")
    with bench(launched, page) as screen:
        strip = screen.panel("timeline")
        screen.tab.locator("[data-role=timeline]").focus()  # opens it
        assert screen.tab.locator("[data-role=timeline]").input_value() == "1"
        assert screen.tab.locator("[data-role=moment]").inner_text() == "step 40 of 450"
        assert screen.tab.locator(f"{strip} select").input_value() == "duplicate"
        assert screen.tab.locator(f"{strip} .score").get_attribute("title") == str(line["heads"]["duplicate"][2][3])
        text = screen.tab.locator(f"{strip} .side").inner_text()
        assert "of head 2.3:" in text
        assert f"val loss {line['val_loss']:.3f}" in text and f"train loss {line['train_loss']:.3f}" in text
        assert f"accuracy {100 * line['val_accuracy']:.1f} %" in text


def test_the_curves_go_through_the_numbers_of_the_index(launched: BrowserContext, page: Page, trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / FOLDER / INDEX).read_text().splitlines()]
    page.move(40, "duplicate")
    with bench(launched, page) as screen:
        strip = screen.panel("timeline")
        screen.tab.locator("[data-role=timeline]").focus()  # opens it
        wait_until(screen.tab, "(s) => deepQuery(s).length === 5", arg=f"{strip} text.name")
        _, _, width, height = map(
            float, (screen.tab.locator(f"{strip} .chart svg").get_attribute("viewBox") or "").split()
        )
        floor, top = height - 19, 7
        texts = screen.all(f"{strip} .chart text.val_loss", "(t) => t.textContent")
        most = float(texts[0])  # at the upper end of the left axis
        xs = [98 + i / len(STEPS) * (width - 98 - 118) for i in range(len(STEPS))]

        def curve(name: str) -> list[tuple[float, float]]:
            return points(screen.tab.locator(f"{strip} path.curve.{name}").get_attribute("d") or "")

        for name, end in (("train_loss", most), ("val_loss", most), ("val_accuracy", 1)):
            expected = [(x, floor - line[name] / end * (floor - top)) for x, line in zip(xs, lines, strict=True)]
            assert np.allclose(curve(name), expected, atol=0.06), name
        scores = [line["heads"]["duplicate"][2][3] for line in lines]
        expected = [(x, floor - score * (floor - top)) for x, score in zip(xs, scores, strict=True)]
        assert np.allclose(curve("head:not(.faint)"), expected, atol=0.06)
        steps = screen.all(f"{strip} .chart text.step", "(t) => [t.textContent, Number(t.getAttribute('x'))]")
        named = {text: x for text, x in steps if text.isdecimal()}
        assert named == pytest.approx({str(step): x for step, x in zip(STEPS, xs, strict=True)}, abs=0.1)


def test_one_walks_along_the_tokens_and_lets_go_by_mouse(screen: Screen) -> None:
    named = screen.tab.locator(screen.panel("prediction"))
    back, on, free = (named.get_by_role("button", name=name) for name in ("token before", "next token", "let go"))
    assert on.is_disabled() and not free.is_visible()
    back.click()
    assert screen.reported("follow")["token"] == len(LONG) - 2
    screen.page.follow(CROPPED)
    screen.show()
    screen.forget()
    assert back.is_disabled()
    on.click()
    assert screen.reported("follow")["token"] == CROPPED + 1
    screen.forget()
    free.click()
    assert screen.reported("follow")["token"] is None


def test_the_title_names_the_head_that_is_previewed(screen: Screen) -> None:
    title = screen.tab.locator(f"{screen.panel('node')} .soft")
    assert title.text_content() == "head 2.3"
    screen.tab.locator('[data-layer="2"][data-head="1"]').hover()
    assert title.text_content() == "head 2.1"
    screen.tab.mouse.move(2, 2)
    assert title.text_content() == "head 2.3"


# ---- code --------------------------------------------------------------------------------------------------------


@pytest.fixture
def code(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    """The same screen with the source open."""
    page.look("drawer", "code")
    with bench(launched, page) as opened:
        yield opened


def line_of(text: str) -> int:
    """The number of the one line of model.py that holds a text."""
    source = Path(gptcore.model.__file__).read_text(encoding="utf-8").splitlines()
    (found,) = [number for number, line in enumerate(source, 1) if text in line]
    return found


LINES = {
    "wte = self.transformer.wte(idx)": ["transformer.wte"],
    "qkv = self.c_attn(x)": [f"{BLOCK}.attn.c_attn"],
    "k_t = [keys.transpose(-2, -1)": [f"{BLOCK}.attn.k_t"],
    "pattern = F.softmax(masked": [PATTERN],
    "x = self.gelu(x)": [f"{BLOCK}.mlp.gelu"],
    "attn = self.attn(normed, past)": [f"{BLOCK}.attn"],
    "logits = self.lm_head(x)": ["lm_head", "probs"],
    "return self.resid_dropout(self.c_proj(concat))": [f"{BLOCK}.attn.c_proj", f"{BLOCK}.attn.resid_dropout"],
}
"""Lines of model.py, and the tensors of block 2 that they make, written down by hand."""


def test_each_line_that_makes_a_tensor_ends_with_its_shape(code: Screen, trace: Trace) -> None:
    screen = code

    def shapes() -> dict[int, str]:
        return dict(
            screen.all(".live", "(node) => [Number(node.closest('[data-line]').dataset.line), node.textContent]")
        )

    for run in (trace, run_of(MODEL, LONG[:4])):
        for text, names in LINES.items():
            assert shapes()[line_of(text)] == f"({', '.join(map(str, run[names[0]].shape))})", text
        screen.page.type(LONG[:4])
        screen.show()
    assert line_of("T = idx.size(1)") not in shapes() and line_of("return logits, loss") not in shapes()


def test_a_line_and_its_tensor_light_each_other(code: Screen) -> None:
    screen = code
    lit = "[data-node].lit"
    for text, names in LINES.items():
        line = screen.tab.locator(f'[data-line="{line_of(text)}"]')
        line.hover()
        strips = [name for name in names if name in ("transformer.wte", PATTERN, f"{BLOCK}.mlp.gelu", "lm_head")]
        assert screen.all(lit, "(node) => node.dataset.node") == strips, text
        assert screen.all("[data-line].lit", "(node) => Number(node.dataset.line)") == [line_of(text)]
        assert screen.tab.locator("[data-role=plot].lit").count() == (PATTERN in names)
        line.click()
        event = screen.reported("code")
        assert (event["kind"], event["id"]) == ("find", names[0])
    screen.tab.locator(f'[data-node="{BLOCK}.mlp.gelu"]').hover()
    assert screen.all("[data-line].lit", "(node) => Number(node.dataset.line)") == [line_of("x = self.gelu(x)")]


def test_a_line_lights_its_node_of_the_diagram(launched: BrowserContext, page: Page) -> None:
    page.look("drawer", "code")
    page.look("form", "diagram")
    with bench(launched, page) as screen:
        screen.tab.locator(f'[data-line="{line_of("scores = torch.cat")}"]').hover()
        assert screen.all("g.node.lit", "(node) => node.dataset.node") == [f"{BLOCK}.attn.scores"]
        screen.tab.locator(f'g.node[data-node="{BLOCK}.attn.masked"]').hover()
        assert screen.all("[data-line].lit", "(node) => Number(node.dataset.line)") == [
            line_of("masked = causal_mask(")
        ]
        assert screen.all("g.node.lit", "(node) => node.dataset.node") == []


# ---- map ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def diagram(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    """The same screen with the map as a diagram."""
    page.look("form", "diagram")
    with bench(launched, page) as opened:
        yield opened


def test_each_node_tells_its_own_shape(diagram: Screen, trace: Trace) -> None:
    screen = diagram
    shown = dict(screen.all("g.node", "(n) => [n.dataset.node, n.querySelector('text.shape')?.textContent]"))
    told = {name: shape for name, shape in shown.items() if shape is not None}
    assert told == {name: f"({', '.join(map(str, trace[name].shape))})" for name in told}
    assert told[f"{BLOCK}.attn.k_t"] == "(1, 4, 5, 13)"
    made = ("k_t", "scores", "scaled", "masked", "pattern")  # a dropout is too small for a shape
    assert set(told) == {f"{BLOCK}.attn.{name}" for name in made}


def test_each_picture_stands_in_its_node_in_the_colours_of_its_numbers(diagram: Screen) -> None:
    screen = diagram
    screen.page.follow(CROPPED + 6)
    screen.show()
    sent = screen.page.panel("map")
    names = ("k_t", "scores", "scaled", "masked", "pattern")
    assert [told["id"] for told in sent["pictures"]] == [f"{BLOCK}.attn.{name}" for name in names]
    for told in sent["pictures"]:
        (title,) = screen.all(f'g.node[data-node="{told["id"]}"] > title', "(title) => title.textContent")
        _, name, legend = title.replace("−", "-").splitlines()
        tensor, low, high = re.findall(r"picture: (\S+), a column a token, colours from (\S+) to (\S+)", legend)[0]
        assert (name, tensor) == (told["id"], told["tensor"])
        assert np.allclose([float(low), float(high)], [told["low"], told["high"]], rtol=1e-3)
    parts = np.split(sent["pixels"], np.cumsum([13 * told["rows"] for told in sent["pictures"]])[:-1])
    images, lines = (screen.drawn(method, "map", "pictures") for method in ("drawImage", "fillRect"))
    own = screen.tab.locator("canvas.pictures").bounding_box()
    scale = own["width"] / screen.tab.locator(".nodes svg").evaluate("(svg) => svg.viewBox.baseVal.width")  # type: ignore[index]
    for told, codes, image, line in zip(sent["pictures"], parts, images, lines, strict=True):
        rows = told["rows"]
        assert image["pixels"] == [13, rows]
        (x, y), (width, height) = image["at"], (scale * size for size in image["size"])
        box = screen.tab.locator(f'[data-node="{told["id"]}"] .box').bounding_box()
        assert own and box
        assert box["x"] < own["x"] + x and own["x"] + x + width < box["x"] + box["width"], told
        assert box["y"] + box["height"] / 2 < own["y"] + y, told  # below its texts
        assert own["y"] + y + height < box["y"] + box["height"], told
        assert line["at"][0] == pytest.approx(x + 6.5 / 13 * width - 0.75 * scale, abs=0.1)  # the followed token
        cells = [(i, j) for i, j in np.ndindex(rows, 13) if j != 6]
        found = screen.colours(
            "canvas.pictures", [(x + (j + 0.5) * width / 13, y + (i + 0.5) * height / rows) for i, j in cells]
        )
        wanted = np.array([codes.reshape(rows, 13)[cell] for cell in cells], float)
        share = (wanted - 2) / 253
        diverging = told["scale"] == "diverging"
        drawn = on_root_ramp(DIVERGING.light, share) if diverging else on_ramp(SEQUENTIAL.light, share)
        expected = np.where(wanted[:, None] == 0, 0xC9, drawn)
        assert np.abs(found - expected)[:, 0].max() <= 4, told
    assert (parts[3] == 0).sum() == 6


def test_the_selected_node_and_what_it_is_made_of_are_marked(diagram: Screen) -> None:
    screen = diagram

    def nodes(kind: str) -> set[str]:
        return set(screen.all(f"g.node.{kind}", "(node) => node.dataset.node"))

    here = architecture(MODEL.config).nodes
    assert nodes("selected") == {PATTERN}
    assert nodes("input") == set(here[PATTERN].inputs) == {f"{BLOCK}.attn.masked"}
    screen.tab.locator(f'[data-node="{BLOCK}.attn.scores"]').click()
    event = screen.reported("map")
    assert (event["kind"], event["id"]) == ("select", f"{BLOCK}.attn.scores")
    assert nodes("selected") == {f"{BLOCK}.attn.scores"}  # at once
    assert nodes("input") == set(here[f"{BLOCK}.attn.scores"].inputs)


def test_the_path_the_picker_and_the_badge_report_where_they_lead(launched: BrowserContext, page: Page) -> None:
    page.look("form", "diagram")
    page.report("map", kind="up", id="model")
    with bench(launched, page) as screen:
        stack = screen.tab.locator('[data-node="transformer.h"]')
        assert stack.locator("g.open text").text_content() == "block 2"
        stack.locator("g.open").click()
        event = screen.reported("map")
        assert (event["kind"], event["id"], event["layer"]) == ("open", "transformer.h", 2)
        page.report("map", kind="open", id="transformer.h", layer=2)
        page.open(f"{BLOCK}.attn", 2)
        screen.show()
        screen.forget()
        screen.tab.get_by_role("button", name="block 2", exact=True).click()
        event = screen.reported("map")
        assert (event["kind"], event["id"]) == ("up", BLOCK)
        screen.forget()
        screen.tab.get_by_role("button", name="previous block").click()
        event = screen.reported("map")
        assert (event["kind"], event["layer"]) == ("layer", 1)


# ---- the inspected node ------------------------------------------------------------------------------------------


def test_the_inspected_node_tells_its_head_and_axes_and_offers_its_weights(
    launched: BrowserContext, page: Page
) -> None:
    with bench(launched, page) as screen:
        panel = screen.tab.locator(screen.panel("node"))
        assert "head 2.3" in panel.inner_text()
        assert panel.get_attribute("data-head") == "3"
        axes = screen.all("[data-letter]", "(letter) => [letter.textContent, letter.title]")
        assert [letter for letter, _ in axes] == ["B", "H", "T", "T"]
        assert axes[1][1] == "H: attention heads of a block = 4"
        assert axes[2][1] == "T: tokens of this run = 13, of at most 13"
        assert not screen.tab.get_by_role("group", name="Output or weight").is_visible()
        page.select(f"{BLOCK}.mlp.c_fc")
        page.choose_part("bias")
        screen.show()
        assert "head 2.3" not in panel.inner_text()
        assert panel.get_attribute("data-head") == ""
        group = f"{screen.panel('node')} [aria-label='Output or weight'] button"
        parts = screen.all(group, "(b) => [b.textContent, b.getAttribute('aria-pressed')]")
        assert parts == [["output", "false"], ["weight", "false"], ["bias", "true"]]
        assert panel.get_attribute("data-name") == f"{BLOCK}.mlp.c_fc.bias"
        for part, weight in (("weight", f"{BLOCK}.mlp.c_fc.weight"), ("output", None)):
            screen.forget()
            screen.tab.get_by_role("button", name=part, exact=True).click()
            event = screen.reported("node")
            assert (event["kind"], event["id"], event["weight"]) == ("weight", f"{BLOCK}.mlp.c_fc", weight)


# ---- the card of a number ------------------------------------------------------------------------------------------


@pytest.fixture
def card(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    """The card of the score of query 9 and key 4."""
    page.select(f"{BLOCK}.attn.scores")
    page.report("explain", name=page.panel("matrix")["name"], row=9, col=4)
    with bench(launched, page) as screen:
        yield screen


def place_on(screen: Screen, strip: int, place: int) -> tuple[float, float]:
    """The middle of a place of one of the card's strips, from the canvas's corner."""
    box = screen.tab.locator("canvas.bars").bounding_box()
    assert box is not None
    strips = screen.page.panel("explanation")["picture"]["strips"]
    height, width = box["height"] / len(strips), box["width"] / strips[strip]["count"]
    return (place + 0.5) * width, (strip + 0.6) * height


def test_the_card_tells_the_numbers_under_the_pointer(card: Screen, trace: Trace) -> None:
    q, k = trace[f"{BLOCK}.attn.q"][0, 3, 9].numpy(), trace[f"{BLOCK}.attn.k"][0, 3, 4].numpy()
    for place in (0, 3):
        x, y = place_on(card, 2, place)
        card.tab.locator("canvas.bars").hover(position={"x": x, "y": y})
        told = card.tab.locator(f"{card.panel('explanation')} .told").inner_text().replace("−", "-")
        assert told.startswith(f"d {place} · ")
        numbers = [float(part.split()[-1]) for part in told.split(" · ")[1:]]
        expected = [q[place], k[place], q[place] * k[place], (q * k)[: place + 1].sum()]
        assert np.allclose(numbers, expected, rtol=1e-3, atol=1e-4)


def test_the_card_asks_for_its_equation_and_shows_it(card: Screen) -> None:
    name = card.page.panel("explanation")["formula_key"]
    assert card.reported("explain")["formula"] == name
    card.page.report("explain", formula=name)
    card.forget()
    card.show()
    pieces = json.loads(card.page.data()["kept"][name])
    drawn = card.tab.locator(f"{card.panel('explanation')} .formula svg")
    assert drawn.count() == len(pieces) > 1 and card.is_quiet()


def test_a_click_on_a_bar_leads_to_its_number(card: Screen) -> None:
    x, y = place_on(card, 1, 3)
    card.tab.locator("canvas.bars").click(position={"x": x, "y": y})
    event = card.reported("explain")
    assert (event["open"], event["cell"]) == (f"{BLOCK}.attn.k_t", [0, 3, 3, 4])
    card.forget()
    x, y = place_on(card, 2, 3)  # a product is no tensor
    card.tab.locator("canvas.bars").click(position={"x": x, "y": y})
    assert card.is_quiet()


def test_the_columns_that_feed_a_number_are_marked_on_the_map(card: Screen) -> None:
    accent = [call for call in card.drawn("strokeRect", "map", "over") if call["size"][1] > 30 and call["size"][0] < 60]
    assert len(accent) == 2
    middles = [call["at"][0] + call["size"][0] / 2 for call in accent]
    strip = card.drawn("drawImage", "map")[0]
    left, width = strip["at"][0], strip["size"][0]
    assert np.allclose(middles, [left + (at + 0.5) / 13 * width for at in (9, 4)], atol=1)
    words = """(line) => [...line.children].map((part) => {
        const range = document.createRange();
        range.selectNodeContents(part);
        return line.getBoundingClientRect().right - range.getBoundingClientRect().right;
    })"""
    beside = card.all(".line.feeds", words)
    assert beside and min(min(rooms) for rooms in beside) >= 6  # px: the bar that marks a line covers none of its words


@pytest.mark.parametrize(("temperature", "name"), [(1.0, "probs"), (0.5, "lm_head")])
def test_why_asks_for_the_number_of_the_row(screen: Screen, temperature: float, name: str) -> None:
    screen.page.report("prediction", temperature=temperature, top_k=10, append=None)
    screen.show()
    row = screen.tab.locator("[data-role=next-token]").nth(3)
    row.hover()
    screen.tab.locator(".why").click()
    event = screen.reported("explain")
    token = int(row.get_attribute("data-token-id") or "")
    assert (event["open"], event["cell"]) == (name, [0, MODEL.config.block_size - 1, token])
    assert event["anew"] is True  # a card that is open is not on the way to it
    screen.page.report("explain", open=event["open"], cell=event["cell"])
    assert screen.page.panel("explanation")["index"] == event["cell"]


@pytest.mark.parametrize("width", [1280, 1440])
def test_why_covers_no_number(screen: Screen, width: int) -> None:
    screen.tab.set_viewport_size({"width": width, "height": 720})
    row = screen.tab.locator("[data-role=next-token]").nth(3)
    row.hover()
    sign = screen.tab.locator(".why").bounding_box()
    numbers = [box for each in row.locator(".number").all() if (box := each.bounding_box())]
    assert sign is not None and len(numbers) == (1 if width == 1280 else 2)
    for box in numbers:
        assert box["x"] + box["width"] <= sign["x"] or sign["x"] + sign["width"] <= box["x"]


def test_the_bars_have_the_sizes_and_signs_of_the_numbers(card: Screen, trace: Trace) -> None:
    q = trace[f"{BLOCK}.attn.q"][0, 3, 9].numpy()
    bars = [call for call in card.drawn("fillRect", "explanation", "bars") if call["size"][0] > 20]
    bars = [call for call in bars if call["at"][1] < 50 and call["size"][1] > 1][: len(q)]
    heights = np.array([call["size"][1] for call in bars])
    assert np.allclose(heights / heights.max(), np.abs(q) / np.abs(q).max(), atol=0.05)
    tops = np.array([call["at"][1] for call in bars])
    zero = tops[q < 0].min() if (q < 0).any() else (tops + heights).max()
    assert ((tops < zero - 0.5) == (q > 0)).all()


# ---- source and badge --------------------------------------------------------------------------------------------


def test_the_marked_lines_are_those_that_made_it(screen: Screen) -> None:
    screen.tab.get_by_role("button", name="{ } code").click()
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("drawer", "code")
    assert not screen.tab.locator(f"{screen.panel('code')} pre").is_visible()
    screen.page.look("drawer", "code")
    screen.show()
    text = Path(gptcore.model.__file__).read_text(encoding="utf-8").splitlines()
    own = "[...line.childNodes].filter((node) => !node.matches?.('.live')).map((node) => node.textContent).join('')"
    shown = screen.all(".line.marked", f"(line) => [line.dataset.line, {own}]")
    first, last = architecture(MODEL.config).nodes[PATTERN].source.lines
    assert shown == [[str(n), f"{n}{text[n - 1]}\n"] for n in range(first, last + 1)]
    assert "F.softmax(masked" in "".join(line for _, line in shown)


def test_the_badge_hides_what_was_measured_on_another_prompt(launched: BrowserContext, page: Page) -> None:
    page.report("parity_badge", state="parity_badge", text=LONG)
    label = page.data("parity_badge")["label"]
    with bench(launched, page) as screen:
        badge = screen.tab.locator(screen.panel("parity_badge"))
        assert label in badge.inner_text()
        assert badge.get_attribute("data-kind") == "good"
        page.type(LONG + "a")
        screen.draw("explore_panels", page.data())
        assert badge.inner_text().strip() == "parity …"
        assert badge.get_attribute("data-kind") == "none"


def test_the_badge_asks_again_where_its_question_was_overtaken(launched: BrowserContext, page: Page) -> None:
    unmeasured = page.data("parity_badge")
    assert unmeasured["kind"] == "none"
    with bench(launched, page) as screen:
        wait_until(screen.tab, "reports.some(([field, event]) => field === 'event' && event.text)")
        first = screen.reported("event")
        assert first["text"] == LONG
        screen.forget()
        screen.draw("parity_badge", unmeasured)
        again = screen.reported("event")
        assert again["text"] == LONG and again["seq"] > first["seq"]


def test_a_badge_that_comes_late_asks_for_what_rests(launched: BrowserContext, page: Page) -> None:
    with bench(launched, page) as screen:
        wait_until(screen.tab, "reports.some(([field, event]) => field === 'event' && event.text)")
        screen.forget()
        screen.tab.evaluate("mounted.delete('parity_badge')")  # as if it was not there before
        screen.draw("parity_badge", page.data("parity_badge"))
        assert screen.reported("event")["text"] == LONG
        page.report("parity_badge", state="parity_badge", text=LONG)
        screen.draw("parity_badge", page.data("parity_badge"))  # the prompt was shown before it was there
        assert screen.tab.locator(screen.panel("parity_badge")).last.get_attribute("data-kind") == "good"


# ---- a prompt as training sees it --------------------------------------------------------------------------------


def _lesson() -> None:
    from app import components
    from app.state import opening
    from app.views.training.prompt import prompt

    components.runtime()
    if opening.ready():
        prompt()


def test_each_position_tells_its_own_guess(
    launched: BrowserContext, trained: Path, monkeypatch: pytest.MonkeyPatch, trace: Trace
) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(trained)])
    app = AppTest.from_function(_lesson, default_timeout=60).run()
    app.text_input(key="lesson prompt").set_value(LONG).run()
    ids = encode(seen(LONG, MODEL))
    probs = trace.logits[0].double().softmax(-1)
    with bench(launched, Sent(app)) as screen:
        script = """(row) => [row.dataset.position, getComputedStyle(row.children[2]).backgroundColor,
            ...Array.from(row.children, (cell) => cell.textContent)]"""
        rows = screen.all("[data-role=guess]", script)
    assert [int(row[0]) for row in rows] == list(range(13))
    assert [row[2] for row in rows] == TOKENS
    assert [row[3] for row in rows] == [*TOKENS[1:], "–"]
    for row, p, target in zip(rows, probs, ids[1:], strict=False):
        loss = -p[target].log().item()
        share = np.rint(255 * min(1.0, loss / np.log(len(LETTERS)))) / 255
        colour = [int(channel) for channel in re.findall(r"\d+", row[1])]
        assert np.abs(colour - on_ramp(SEQUENTIAL.light, share)).max() <= 2
        assert float(row[4]) == pytest.approx(loss, abs=0.001)
        assert float(row[5].removesuffix(" %")) == pytest.approx(100 * p[target].item(), abs=0.06)
        rank = 1 + int((p > p[target]).sum())
        assert row[6] == str(rank)
        best = {" ": "␣", "\n": "↵"}.get(LETTERS[int(p.argmax())], LETTERS[int(p.argmax())])
        assert row[7] == "✓" if rank == 1 else row[7].startswith(best)
