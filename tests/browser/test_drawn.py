"""What the scripts make of what they are sent: order of heads, places of chips, hover, hit tests, axes, rows, stops.

Each test runs the app without a browser (tests/app/sent.py), draws what it sent in Chromium without a server
(bench.py), and compares pixels, texts and reports with what gptcore computes, on a lopsided model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext
from streamlit.testing.v1 import AppTest

import gptcore.model
from app.theme import DIVERGING, SEQUENTIAL
from gptcore import Trace, architecture
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from tests.app.sent import Page, Sent
from tests.browser.bench import Bench, bench, of_weight, on_ramp
from tests.browser.driver import chromium
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("lopsided") / "model", MODEL, snapshots=True)


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 3 of layer 2."""
    opened = Page(folder, monkeypatch)
    opened.type(LONG)
    opened.pick_head(2, 3)
    return opened


@pytest.fixture
def screen(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    with bench(launched, page) as opened:
        yield opened


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run_of(MODEL, LONG)


# ---- tokens ------------------------------------------------------------------------------------------------------


def test_each_chip_is_its_token_and_the_cropped_ones_fade(screen: Screen) -> None:
    script = "(c) => [c.dataset.tokenIndex, ...Array.from(c.children, (n) => n.textContent), c.matches('.cropped')]"
    shown = screen.all("[data-token-index]", script)
    labels = [{" ": "␣"}.get(token, token) for token in LONG]
    expected = zip(labels, encode(LONG), strict=True)
    assert shown == [[str(i), label, str(id_), i < CROPPED] for i, (label, id_) in enumerate(expected)]


def marked(screen: Screen) -> tuple[list[str], list[str]]:
    """Token indices of the chips that are marked as key and as query."""
    found = [screen.all(f"[data-token-index].{name}", "(chip) => chip.dataset.tokenIndex") for name in ("key", "query")]
    return found[0], found[1]


def plot_of(screen: Screen) -> tuple[float, float, float, float]:
    """Where the heatmap stands on its canvas: x, y, width, height."""
    sent = screen.page.panel("matrix")
    (found,) = [d for d in screen.drawn("drawImage") if d["pixels"] == [sent["p_cols"], sent["p_rows"]]]
    return found["at"][0], found["at"][1], found["size"][0], found["size"][1]


def framed(screen: Screen) -> list[dict[str, list[float]]]:
    """The rectangles that mark rows and columns of the heatmap."""
    return [call for call in screen.drawn("strokeRect") if call["canvas"] == "over"]


def test_a_chip_under_the_pointer_marks_its_own_column(screen: Screen) -> None:
    x, y, width, height = plot_of(screen)
    screen.tab.locator(f'[data-token-index="{CROPPED + 3}"]').hover()
    assert marked(screen) == ([str(CROPPED + 3)], [])
    (column,) = framed(screen)
    assert column["at"] == [x + 3 * width / 13, y - 2]
    assert column["size"] == [width / 13, height + 4]
    screen.tab.locator('[data-token-index="2"]').hover()  # a token that the model does not see
    assert marked(screen) == ([], [])
    assert framed(screen) == []


def test_the_arrow_keys_go_from_chip_to_chip(screen: Screen) -> None:
    chips = screen.tab.locator('[aria-label="Tokens of the prompt"]')
    last = len(LONG) - 1
    for key, at in (("ArrowLeft", last), ("ArrowLeft", last - 1), ("Home", CROPPED), ("ArrowRight", CROPPED + 1)):
        chips.press(key)
        assert marked(screen) == ([str(at)], []), key


def test_chips_of_a_very_long_prompt_keep_their_numbers(launched: BrowserContext, page: Page) -> None:
    text = ("abcdefghijkl" * 50)[:530]
    page.type(text)
    with bench(launched, page) as screen:
        shown = screen.all("[data-token-index]", "(chip) => [chip.dataset.tokenIndex, chip.firstChild.textContent]")
        assert shown == [[str(i), text[i]] for i in range(18, 530)]
        screen.tab.locator('[data-token-index="520"]').hover()
        assert marked(screen) == (["520"], [])
        assert screen.tab.locator("[data-token-index].cropped").count() == 512 - 13


# ---- heatmap -----------------------------------------------------------------------------------------------------


def point(screen: Screen, row: int, col: int) -> dict[str, str]:
    """Puts the pointer into a cell, off its middle; what the panel then tells."""
    sent = screen.page.panel("matrix")
    x, y, width, height = plot_of(screen)
    canvas = screen.tab.locator(f"{screen.panel('inspector')} canvas.over")
    cell = (x + (col + 0.8) * width / sent["cols"], y + (row + 0.3) * height / sent["rows"])
    canvas.hover(position={"x": cell[0], "y": cell[1]})
    found: dict[str, str] = screen.tab.locator(screen.panel("inspector")).evaluate("(panel) => ({ ...panel.dataset })")
    return found


def readout(screen: Screen) -> str:
    return screen.tab.locator(f"{screen.panel('inspector')} .readout").inner_text()


def test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked(screen: Screen, trace: Trace) -> None:
    told = point(screen, 10, 4)
    weight = trace[PATTERN][0, 3, 10, 4].item()
    assert (told["row"], told["col"]) == ("10", "4")
    assert float(told["value"]) == pytest.approx(weight, abs=1e-6)
    assert readout(screen).startswith("query 'i' (10) → key 'j' (4): ")
    assert float(readout(screen).rpartition(": ")[2]) == pytest.approx(weight, rel=1e-3)
    assert marked(screen) == ([str(CROPPED + 4)], [str(CROPPED + 10)])


@pytest.mark.parametrize(
    ("node", "row", "col", "words", "chip"),
    [
        (f"{BLOCK}.mlp.gelu", 11, 70, "token 'j' (11) → 4C 70: ", 11),
        (f"{BLOCK}.attn.k_t", 4, 9, "D 4 → token 'h' (9): ", 9),
        ("lm_head", 2, 20, "token 'e' (2) → V '→' (20): ", 2),
        ("transformer.h.0.attn.v", 12, 1, "token 'ж' (12) → D 1: ", 12),
    ],
)
def test_rows_and_columns_are_not_taken_for_each_other(
    launched: BrowserContext, page: Page, trace: Trace, node: str, row: int, col: int, words: str, chip: int
) -> None:
    page.select(node)
    with bench(launched, page) as screen:
        told = point(screen, row, col)
        tensor = trace[node][0]
        value = (tensor[3] if tensor.dim() == 3 else tensor)[row, col].item()
        assert (told["row"], told["col"]) == (str(row), str(col))
        assert float(told["value"]) == pytest.approx(value, abs=1e-5)
        assert readout(screen).startswith(words)
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


def test_labels_stand_at_their_rows_and_columns(launched: BrowserContext, page: Page) -> None:
    letters = [{" ": "␣", "\n": "↵"}.get(letter, letter) for letter in LETTERS]
    cases = {
        PATTERN: ("← query", TOKENS, "key →", TOKENS),
        f"{BLOCK}.attn.k_t": ("← D", list("01234"), "token →", TOKENS),
        "lm_head": ("← token", TOKENS, "V →", letters),
    }
    with bench(launched, page) as screen:
        for node, (rows_name, rows, cols_name, cols) in cases.items():
            page.select(node)
            screen.show()
            x, y, width, height = plot_of(screen)
            told = [(call["text"], *call["at"]) for call in screen.drawn("fillText")]
            beside = [(text, top) for text, left, top in told if x - 6 <= left <= x - 4]
            assert [text for text, _ in beside] == rows, node
            middles = [y + (i + 0.5) * height / len(rows) for i in range(len(rows))]
            assert [top for _, top in beside] == pytest.approx(middles, abs=1), node
            below = [(text, left) for text, left, top in told if y + height < top < y + height + 13]
            assert [text for text, _ in below] == cols, node
            middles = [x + (i + 0.5) * width / len(cols) for i in range(len(cols))]
            assert [left for _, left in below] == pytest.approx(middles, abs=1), node
            names = [(text, left, top) for text, left, top in told if text in (rows_name, cols_name)]
            (of_cols,) = [name for name in names if name[0] == cols_name and name[2] > y + height]
            (of_rows,) = [name for name in names if name[0] == rows_name and name[1] < x]
            assert x < of_cols[1] < x + width and y < of_rows[2] < y + height


def test_the_colours_are_those_of_the_values(launched: BrowserContext, page: Page, trace: Trace) -> None:
    with bench(launched, page) as screen:
        for node in (PATTERN, f"{BLOCK}.attn.scores", f"{BLOCK}.attn.k_t"):
            page.select(node)
            screen.show()
            values = trace[node][0, 3].numpy()
            rows, cols = values.shape
            x, y, width, height = plot_of(screen)
            places = [(x + (j + 0.5) * width / cols, y + (i + 0.5) * height / rows) for i, j in np.ndindex(rows, cols)]
            seen_colours = screen.colours(f"{screen.panel('inspector')} canvas >> nth=0", places)
            most = np.abs(values).max()
            share = values.ravel() if node == PATTERN else (values.ravel() + most) / (2 * most)
            share = np.rint(share * 253) / 253  # as many colours as there are
            expected = of_weight(share) if node == PATTERN else on_ramp(DIVERGING.light, share)
            assert np.abs(seen_colours - expected).max() <= 1, node


def test_the_legend_names_both_ends_of_the_scale(launched: BrowserContext, page: Page, trace: Trace) -> None:
    page.select(f"{BLOCK}.attn.scores")
    most = float(f"{trace[f'{BLOCK}.attn.scores'][0, 3].abs().max().item():.3g}")
    with bench(launched, page) as screen:
        x, _, width, _ = plot_of(screen)
        told = [call for call in screen.drawn("fillText") if call["at"][0] > x + width]
        from_the_top = [call["text"].replace("−", "-") for call in sorted(told, key=lambda call: call["at"][1])]
        assert [float(text) for text in from_the_top] == [most, 0, -most]


# ---- heads -------------------------------------------------------------------------------------------------------


def test_the_picture_under_each_button_is_its_own_head_s(screen: Screen, trace: Trace) -> None:
    canvas = f"{screen.panel('attention')} canvas"
    corner = screen.tab.locator(canvas).evaluate("(canvas) => canvas.getBoundingClientRect().toJSON()")
    script = """(b) => {
        const { left, top, width } = b.getBoundingClientRect();
        return [b.dataset.layer, b.dataset.head, left, top, width].map(Number);
    }"""
    buttons = screen.all(f"{screen.panel('attention')} [data-head]", script)
    assert [(layer, head) for layer, head, *_ in buttons] == list(np.ndindex(3, 4))
    for layer, head, left, top, side in buttons:
        pattern = trace[f"transformer.h.{int(layer)}.attn.pattern"][0, int(head)].numpy()
        x, y = left - corner["left"], top - corner["top"]
        places = [(x + (j + 0.5) * side / 13, y + (i + 0.5) * side / 13) for i, j in np.ndindex(13, 13)]
        expected = of_weight(np.rint(pattern * 254) / 254).reshape(-1, 3)
        assert np.abs(screen.colours(canvas, places) - expected).max() <= 1, (layer, head)


def test_a_thumbnail_reports_its_own_head(screen: Screen) -> None:
    pressed = screen.all("[data-head][aria-pressed=true]", "(button) => [button.dataset.layer, button.dataset.head]")
    assert pressed == [["2", "3"]]
    assert screen.tab.locator(f"{screen.panel('attention')} header .number").inner_text() == "layer 2 · head 3"
    screen.tab.locator('[data-layer="1"][data-head="2"]').click()
    event = screen.reported("heads")
    assert (event["layer"], event["head"]) == (1, 2)
    assert screen.tab.locator(f"{screen.panel('attention')} header .number").inner_text() == "layer 1 · head 2"
    screen.page.report("heads", layer=event["layer"], head=event["head"])
    screen.show()
    pressed = screen.all("[data-head][aria-pressed=true]", "(button) => [button.dataset.layer, button.dataset.head]")
    assert pressed == [["1", "2"]]


def test_the_arrow_keys_go_from_head_to_head(screen: Screen) -> None:
    screen.tab.locator('[data-layer="0"][data-head="1"]').focus()
    focused = (
        "() => deepQuery('[data-head]').filter((b) => b.matches(':focus')).map((b) => b.getAttribute('aria-label'))"
    )
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
    logits = trace.logits[0, -1].double()
    expected = (logits / 0.6).softmax(-1)
    order = logits.argsort(descending=True)[:20].tolist()
    with bench(launched, page) as screen:
        script = """(row) => [row.dataset.tokenId, row.dataset.probability, row.querySelector('.bar').style.transform,
            ...['rank', 'token', 'p', 'logit'].map((name) => row.querySelector(`.${name}`).textContent)]"""
        rows = screen.all("[data-role=next-token]", script)
        assert [int(row[0]) for row in rows] == order
        for index, row, rank in zip(order, rows, range(1, 21), strict=True):
            p = expected[index].item()
            assert float(row[1]) == pytest.approx(p, abs=1e-5)
            assert float(row[2].removeprefix("scaleX(").removesuffix(")")) == pytest.approx(p, abs=1e-5)
            assert row[3:5] == [str(rank), {" ": "␣", "\n": "↵"}.get(LETTERS[index], LETTERS[index])]
            if p >= 0.001:
                assert float(row[5].removesuffix(" %")) == pytest.approx(100 * p, rel=0.05)
            assert float(row[6].replace("−", "-")) == pytest.approx(logits[index].item(), abs=0.002)
        assert screen.tab.locator(f"{screen.panel('prediction')} output").inner_text() == "0.60"


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
    screen.draw("live", acknowledged(screen, "prediction"))
    screen.forget()
    screen.tab.locator(f"{screen.panel('prediction')} input[type=range]").press("ArrowLeft")
    event = screen.reported("prediction")
    assert (event["temperature"], event["top_k"]) == (0.95, 20)


def acknowledged(screen: Screen, panel: str) -> dict[str, object]:
    """What was sent last, as the answer to what the panel reported last."""
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
        screen.draw("live", acknowledged(screen, "timeline"))


def test_the_strip_shows_where_the_page_is(launched: BrowserContext, page: Page, folder: Path) -> None:
    line = json.loads((folder / FOLDER / INDEX).read_text().splitlines()[1])
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


def test_the_curves_go_through_the_numbers_of_the_index(launched: BrowserContext, page: Page, folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    page.move(40, "duplicate")
    with bench(launched, page) as screen:
        strip = screen.panel("timeline")
        screen.tab.locator("[data-role=timeline]").focus()  # opens it
        screen.tab.wait_for_function("(s) => deepQuery(s).length === 5", arg=f"{strip} text.name")
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


# ---- map ---------------------------------------------------------------------------------------------------------


def test_each_node_tells_its_own_shape(screen: Screen, trace: Trace) -> None:
    shown = dict(screen.all("g.node", "(n) => [n.dataset.node, n.querySelector('text.shape')?.textContent]"))
    told = {name: shape for name, shape in shown.items() if shape is not None}
    assert told == {name: f"({', '.join(map(str, trace[name].shape))})" for name in told}
    assert told[f"{BLOCK}.attn.k_t"] == "(1, 4, 5, 13)"
    assert len(told) >= 6


def test_the_selected_node_and_what_it_is_made_of_are_marked(screen: Screen) -> None:
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


def test_the_inspected_node_offers_its_heads_and_weights(launched: BrowserContext, page: Page) -> None:
    with bench(launched, page) as screen:
        heads = screen.tab.locator(f"{screen.panel('node')} select")
        assert screen.all(f"{screen.panel('node')} option", "(o) => o.textContent") == [f"head 2.{i}" for i in range(4)]
        assert heads.input_value() == "3"
        heads.select_option("head 2.1")
        event = screen.reported("node")
        assert (event["kind"], event["id"], event["head"]) == ("head", PATTERN, 1)
        page.select(f"{BLOCK}.mlp.c_fc")
        page.choose_part("bias")
        screen.show()
        assert not heads.is_visible()
        parts = screen.all(f"{screen.panel('node')} button", "(b) => [b.textContent, b.getAttribute('aria-pressed')]")
        assert parts == [["output", "false"], ["weight", "false"], ["bias", "true"]]
        assert f"{BLOCK}.mlp.c_fc.bias" in screen.tab.locator(screen.panel("node")).inner_text()
        for part, weight in (("weight", f"{BLOCK}.mlp.c_fc.weight"), ("output", None)):
            screen.forget()
            screen.tab.get_by_role("button", name=part, exact=True).click()
            event = screen.reported("node")
            assert (event["kind"], event["id"], event["weight"]) == ("weight", f"{BLOCK}.mlp.c_fc", weight)


# ---- source and badge --------------------------------------------------------------------------------------------


def test_the_marked_lines_are_those_that_made_it(screen: Screen) -> None:
    text = Path(gptcore.model.__file__).read_text(encoding="utf-8").splitlines()
    shown = screen.all(".line.marked", "(line) => [line.dataset.line, line.textContent]")
    first, last = architecture(MODEL.config).nodes[PATTERN].source.lines
    assert shown == [[str(n), f"{n}{text[n - 1]}\n"] for n in range(first, last + 1)]
    assert "F.softmax(masked" in "".join(line for _, line in shown)


def test_the_badge_hides_what_was_measured_on_another_prompt(launched: BrowserContext, page: Page) -> None:
    page.report("badge", state="badge", text=LONG)
    label = page.data("badge")["label"]
    with bench(launched, page) as screen:
        badge = screen.tab.locator(screen.panel("badge"))
        assert label in badge.inner_text()
        assert badge.get_attribute("data-kind") == "good"
        page.type(LONG + "a")
        screen.draw("live", page.data())
        assert badge.inner_text().strip() == "parity …"
        assert badge.get_attribute("data-kind") == "none"


# ---- a prompt as training sees it --------------------------------------------------------------------------------


def _lesson() -> None:
    from app import components
    from app.state import opening
    from app.views.training.prompt import prompt

    components.runtime()
    if opening.ready():
        prompt()


def test_each_position_tells_its_own_guess(
    launched: BrowserContext, folder: Path, monkeypatch: pytest.MonkeyPatch, trace: Trace
) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(folder)])
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
