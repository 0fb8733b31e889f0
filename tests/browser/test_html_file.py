"""The exported page in Chromium, from a file: what it shows is what the trace has, and it asks for nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page

import gptcore
from app.theme import SEQUENTIAL
from gptcore import Edit, Trace, capture, load
from gptcore.tokenizer import CharTokenizer
from tests.browser.bench import on_ramp
from tests.browser.driver import chromium
from tests.lopsided import LETTERS, encode, lopsided

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
TEXT = "ba木é\nж→de c"
T, H, L = len(TEXT), 4, 3
PATTERN, JOINT, KEYS = "transformer.h.1.attn.pattern", "transformer.h.2.attn.c_attn", "transformer.h.0.attn.k_t"
SEEN = {" ": "␣", "\n": "↵"}
LIKELY = "all => all.map(({ dataset }) => [dataset.tokenId, dataset.probability].map(Number))"


@pytest.fixture(scope="module")
def trace() -> Trace:
    return capture(lopsided(), encode(TEXT))


@pytest.fixture(scope="module")
def file(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "run.html"
    gptcore.export.html(trace, path, tokenizer=CharTokenizer(LETTERS), title="lopsided")
    return path


def opened(launched: BrowserContext, path: Path, scheme: Any = "light", size: tuple[int, int] = (1440, 900)) -> Page:
    """The page in a new tab; `page.asked` lists what it has asked for, `page.faults` what went wrong."""
    page = launched.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.asked, page.faults = asked, faults  # type: ignore[attr-defined]
    page.goto(path.as_uri())
    page.wait_for_selector('body[data-ready="true"]')
    return page


@pytest.fixture
def page(launched: BrowserContext, file: Path) -> Iterator[Page]:
    found = opened(launched, file)
    yield found
    assert found.faults == []  # type: ignore[attr-defined]
    found.close()


@pytest.fixture(scope="module")
def kept(launched: BrowserContext, file: Path) -> Iterator[Page]:
    found = opened(launched, file)
    yield found
    found.close()


@pytest.fixture
def again(kept: Page) -> Iterator[Page]:
    """One page for the tests that choose each thing that they read, in front of those of other tests."""
    kept.bring_to_front()
    kept.keyboard.press("Escape")  # no token is locked
    yield kept
    assert kept.faults == []  # type: ignore[attr-defined]


def token(at: int) -> str:
    """The token at a position, as the page shows it."""
    return SEEN.get(TEXT[at], TEXT[at])


def pointed(page: Page, row: int, col: int) -> tuple[str, tuple[int, ...], float, str]:
    """Name, index, value and words of a cell that the pointer is put on."""
    page.mouse.move(*centre(page, row, col))
    return tip(page)


def tip(page: Page) -> tuple[str, tuple[int, ...], float, str]:
    """The text beside the pointer."""
    told = page.locator("#tip")
    data: dict[str, str] = told.evaluate("(tip) => ({ ...tip.dataset })")
    index = tuple(map(int, data["index"].split(",")))
    return data["name"], index, float(data["value"].replace("Infinity", "inf")), told.inner_text()


def select(page: Page, name: str) -> None:
    """Choose a tensor by its name, wherever its line is."""
    page.evaluate("(name) => gptscope.select(name)", name)


def test_it_asks_for_its_own_file_alone(page: Page, file: Path) -> None:
    page.locator('[data-token-index="3"]').click()
    page.locator('[data-layer="2"][data-head="1"]').click()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert page.asked == [file.as_uri()]  # type: ignore[attr-defined]


def test_its_policy_lets_nothing_out(launched: BrowserContext, file: Path) -> None:
    heard: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        """Notes each request."""

        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    attempt = """async (url) => {
      const image = new Image();
      const seen = new Promise((done) => (image.onload = image.onerror = done));
      image.src = `${url}image`;
      document.body.append(image);
      await seen;
      return fetch(`${url}fetch`).then(() => "sent", () => "refused");
    }"""
    try:
        page = opened(launched, file)
        assert page.evaluate(attempt, url) == "refused"
        assert heard == []
        page.goto(url)
        assert page.evaluate(attempt, url) == "sent", "without a policy it is heard"
        assert {"/image", "/fetch"} <= {*heard}
        page.close()
    finally:
        server.shutdown()
        server.server_close()


def test_every_number_is_that_of_the_trace(again: Page, trace: Trace) -> None:
    assert again.evaluate("gptscope.names()") == [*trace.keys()]
    for name, (axes, shape) in trace.shapes().items():
        wanted = trace[name][0] if axes[0] == "B" else trace[name]
        found = again.evaluate("(name) => [gptscope.shape(name), gptscope.numbers(name).map(String)]", name)
        assert tuple(found[0]) == (shape[1:] if axes[0] == "B" else shape)
        numbers = np.array([float(text.replace("Infinity", "inf")) for text in found[1]])
        assert np.array_equal(numbers, wanted.double().numpy().ravel(), equal_nan=True), name


@pytest.mark.parametrize(
    ("name", "row", "col", "index", "words"),
    [
        (PATTERN, 7, 2, (0, 3, 7, 2), "d (7) → 木 (2)"),
        (PATTERN, 2, 7, (0, 3, 2, 7), "木 (2) → d (7)"),
        ("transformer.h.2.attn.masked", 2, 7, (0, 3, 2, 7), "−∞"),
        (JOINT, 57, 4, (0, 4, 57), "3C 57 · ↵ (4)"),
        (KEYS, 3, 8, (0, 3, 3, 8), "D 3 · e (8)"),
        ("transformer.h.1.attn.z", 4, 9, (0, 3, 9, 4), "D 4 · ␣ (9)"),
        ("transformer.wpe", 11, 6, (6, 11), "C 11 · → (6)"),
        ("lm_head", 18, 5, (0, 5, 18), "ß · ж (5)"),
        ("loss", 0, 3, (0, 3), "é (3)"),
        ("idx", 0, 3, (0, 3), "é (3)"),
    ],
)
def test_a_cell_tells_its_number(
    again: Page, trace: Trace, name: str, row: int, col: int, index: tuple[int, ...], words: str
) -> None:
    select(again, name)
    if "H" in trace.shapes()[name][0]:
        again.locator('[data-choose-head="3"]').click()
    found = pointed(again, row, col)
    wanted = trace[name][index].item()
    assert found[:3] == (name, index, wanted)
    assert f"{name}[{', '.join(map(str, index))}]" in found[3]
    assert words in found[3]
    shown = found[3].split("\n")[-1].split(" ")[0].replace("−", "-").replace("∞", "inf")
    assert float(shown) == pytest.approx(wanted, rel=1e-5)
    assert again.locator(".stage .said").inner_text().startswith(name)


def test_pointing_at_a_strip_tells_a_number_of_it(again: Page, trace: Trace) -> None:
    for name in ("transformer.wte", "transformer.h.0.ln_1", "transformer.h.0.attn.scores", "transformer.h.0.attn.q"):
        select(again, name)
        strip = again.locator(f'[data-node="{name}"] + canvas')
        strip.scroll_into_view_if_needed()
        box = strip.bounding_box()
        assert box
        for at, y in ((1, 0.1), (8, 0.5), (10, 0.9)):
            strip.hover(position={"x": (at + 0.5) / T * box["width"], "y": y * box["height"]})
            told, index, value, _ = tip(again)
            assert (told, value) == (name, trace[name][index].item())
            tokens = trace.shapes()[name][0].index("T")
            assert index[tokens] == at
            assert again.locator(".chip.hover").get_attribute("data-token-index") == str(at)


def test_a_pixel_of_a_strip_is_the_number_farthest_from_0(again: Page, trace: Trace) -> None:
    name = "transformer.h.0.mlp.c_fc"
    select(again, name)
    strip = again.locator(f'[data-node="{name}"] + canvas')
    box = strip.bounding_box()
    assert box
    down = math.ceil(80 / 11)
    rows = math.ceil(80 / down)
    for row in range(rows):
        strip.hover(position={"x": 6.5 / T * box["width"], "y": (row + 0.5) / rows * box["height"]})
        part = trace[name][0, 6, row * down : (row + 1) * down]
        assert tip(again)[2] == part[part.abs().argmax()].item()
        assert f"the farthest from 0 of {len(part)} numbers" in tip(again)[3]


def test_locking_a_token(page: Page, trace: Trace) -> None:
    rows = page.locator('[data-role="next-token"]')
    lens = page.locator('[data-role="lens-row"]')
    read = gptcore.logit_lens(trace).logits[:, 0].double().softmax(-1)  # (rows, T, V)

    def shows(position: int) -> None:
        order = trace["probs"][0, position].sort(descending=True)
        found = rows.evaluate_all(
            "all => all.map((row) => [Number(row.dataset.tokenId), Number(row.dataset.probability)])"
        )
        assert len(found) == 20
        assert [pair[0] for pair in found] == order.indices[:20].tolist()
        assert [pair[1] for pair in found] == order.values[:20].tolist()
        told = lens.evaluate_all(
            "all => all.map((row) => [Number(row.dataset.tokenId), Number(row.dataset.probability)])"
        )
        assert [pair[0] for pair in told] == read[:, position].argmax(-1).tolist()
        assert [pair[1] for pair in told] == pytest.approx(read[:, position].amax(-1).tolist(), rel=1e-9)
        assert page.locator('[data-part="next tokens"]').get_attribute("data-position") == str(position)
        for head, line in enumerate(page.locator(".reading").all()):
            weights = trace[PATTERN][0, head, position, : position + 1]
            assert line.get_attribute("data-key") == str(weights.argmax().item())
            assert float(line.get_attribute("data-weight") or "") == weights.max().item()

    select(page, PATTERN)
    shows(T - 1)
    chip = page.locator('[data-token-index="4"]')
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    shows(4)
    page.keyboard.press("ArrowRight")
    shows(5)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    shows(3)
    assert page.locator('.chip[aria-pressed="true"]').count() == 1
    assert "then came ↵, loss" in page.locator('[data-part="next tokens"]').inner_text()
    page.keyboard.press("Escape")
    shows(T - 1)
    assert page.locator('.chip[aria-pressed="true"]').count() == 0
    page.mouse.click(*centre(page, 6, 2))
    shows(6)  # the query of the cell


def centre(page: Page, row: int, col: int) -> tuple[float, float]:
    """The middle of a cell on the screen."""
    box = page.locator('[data-role="plot"] canvas.over').bounding_box()
    cells = json.loads(page.locator('[data-role="plot"]').get_attribute("data-cells") or "[]")
    assert box
    x = box["x"] + cells[0] + (col + 0.5 - cells[5]) * cells[2] / cells[7]
    y = box["y"] + cells[1] + (row + 0.5 - cells[4]) * cells[3] / cells[6]
    return x, y


def test_the_model_would_say_at_each_depth(again: Page, trace: Trace) -> None:
    again.locator('[data-token-index="7"]').click()
    lens = gptcore.logit_lens(trace, positions=7)
    said = {name: lens.logits[row, 0, 0].argmax().item() for row, name in enumerate(lens.names)}
    for layer in range(L):
        select(again, f"transformer.h.{layer}.resid_post")
        say = again.locator(f'.line:has([data-node="transformer.h.{layer}"]) .say bdi')
        wanted = LETTERS[int(said[f"transformer.h.{layer}.resid_post"])]
        assert say.inner_text() == SEEN.get(wanted, wanted)


def test_heads_stand_in_their_order(again: Page, trace: Trace) -> None:
    buttons = again.locator("[data-layer][data-head]:not([data-role])")
    places = buttons.evaluate_all("all => all.map(({ dataset }) => [Number(dataset.layer), Number(dataset.head)])")
    assert places == [[layer, head] for layer in range(L) for head in range(H)]
    for layer in range(L):
        for head in range(H):
            canvas = again.locator(f'button[data-layer="{layer}"][data-head="{head}"] canvas')
            colours = canvas.evaluate(
                """(canvas, T) => Array.from({ length: T * T }, (_, i) => {
                  const [row, col] = [Math.floor(i / T), i % T];
                  const at = (place) => Math.floor(((place + 0.5) / T) * canvas.width);
                  return Array.from(canvas.getContext("2d").getImageData(at(col), at(row), 1, 1).data);
                })""",
                T,
            )
            found = np.array(colours).reshape(T, T, 4)
            weights = trace[f"transformer.h.{layer}.attn.pattern"][0, head].numpy()
            seen = np.tril(np.ones((T, T), bool))
            wanted = on_ramp(SEQUENTIAL.light, np.sqrt(weights))
            assert np.abs(found[..., :3] - wanted)[seen].max() <= 3, (layer, head)
            assert (found[..., 3] == 0)[~seen].all(), "the future is no weight of 0"


def test_choosing_a_head(again: Page, trace: Trace) -> None:
    plot = again.locator('[data-role="plot"]')
    again.locator('[data-layer="2"][data-head="1"]:not([data-role])').click()
    assert (plot.get_attribute("data-name"), plot.get_attribute("data-head")) == ("transformer.h.2.attn.pattern", "1")
    assert pointed(again, 8, 3)[2] == trace["transformer.h.2.attn.pattern"][0, 1, 8, 3].item()
    again.locator('[data-choose-head="2"]').click()
    assert pointed(again, 8, 3)[2] == trace["transformer.h.2.attn.pattern"][0, 2, 8, 3].item()
    assert again.locator("[data-layer][aria-pressed=true]").get_attribute("data-head") == "2"
    again.locator(".reading").nth(3).click()
    assert plot.get_attribute("data-head") == "3"


def sight(page: Page) -> list[float]:
    """First row, first column, rows and columns that are in sight."""
    found: list[float] = json.loads(page.locator('[data-role="plot"]').get_attribute("data-cells") or "[]")[4:]
    return found


def test_zooming_and_moving(again: Page, trace: Trace) -> None:
    select(again, JOINT)
    assert sight(again) == [0, 0, 60, T]
    before = pointed(again, 40, 7)
    for _ in range(5):
        again.mouse.wheel(0, -100)
    near = sight(again)
    assert near[2] < 30 and near[3] < 6 and near[0] > 0
    assert pointed(again, 40, 7) == before, "the cell under the wheel stays in sight, and tells the same"
    x, y = centre(again, 40, 7)
    again.mouse.down()
    again.mouse.move(x + 60, y + 50, steps=4)
    again.mouse.up()
    moved = sight(again)
    assert moved[0] < near[0] and moved[1] < near[1] and moved[2:] == near[2:]
    assert again.locator('.chip[aria-pressed="true"]').count() == 0, "a drag is no click"
    row, col = math.ceil(moved[0]) + 1, math.ceil(moved[1]) + 1
    assert pointed(again, row, col)[2] == trace[JOINT][0, col, row].item()
    again.get_by_role("button", name="farther").click()
    assert sight(again)[2] > moved[2]
    again.get_by_role("button", name="the whole tensor").click()
    assert sight(again) == [0, 0, 60, T]
    again.get_by_role("button", name="nearer").click()
    assert sight(again)[2] < 60
    select(again, PATTERN)
    assert sight(again) == [0, 0, T, T], "another tensor is seen whole"


def test_the_keyboard_reaches_every_number(page: Page, trace: Trace) -> None:
    select(page, JOINT)
    plot = page.locator('[data-role="plot"]')
    plot.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("ArrowRight")
    said = page.locator(".stage .said").inner_text()
    assert said.startswith(f"{JOINT}[0, 1, 11]")
    assert float(said.split(" ")[-1].replace("−", "-")) == pytest.approx(trace[JOINT][0, 1, 11].item(), rel=1e-5)
    page.keyboard.press("Enter")
    assert page.locator('[data-token-index="1"]').get_attribute("aria-pressed") == "true"
    page.keyboard.press("+")
    assert sight(page)[2] < 60
    page.keyboard.press("0")
    assert sight(page)[2] == 60
    page.locator(f'[data-node="{JOINT}"]').focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.node") == "transformer.h.2.attn"
    page.keyboard.press("Space")
    assert page.locator(f'[data-node="{JOINT}"]').is_hidden()
    page.keyboard.press("Enter")
    assert plot.get_attribute("data-name") == "transformer.h.2.attn"


def test_the_map_opens_down_to_every_node(page: Page, trace: Trace) -> None:
    closed = page.locator('.opener[aria-expanded="false"]:visible')
    while closed.count():
        closed.first.click()
    shown = page.locator("[data-node]:visible").evaluate_all("all => all.map(({ dataset }) => dataset.node)")
    assert shown == [node.id for node in gptcore.architecture(trace.config).nodes]
    page.locator('[data-node="transformer.h.2.mlp.gelu"]').click()
    assert page.locator('[data-role="plot"]').get_attribute("data-name") == "transformer.h.2.mlp.gelu"


class Hostile(CharTokenizer):
    """A vocabulary whose tokens are markup."""

    def label(self, index: Any) -> str:
        return f'</script><img src=x onerror="alert({index})">\u202eאב'


def test_hostile_tokens_stay_texts(launched: BrowserContext, trace: Trace, tmp_path: Path) -> None:
    gptcore.export.html(trace, tmp_path / "run.html", tokenizer=Hostile(LETTERS), title="<b>mine</b>")
    page = opened(launched, tmp_path / "run.html")
    select(page, "lm_head")
    pointed(page, 4, 4)
    assert page.locator("img, b:not([data-letter]):not(#tip b):not(.said b)").count() == 0
    assert page.locator('[data-token-index="0"]').inner_text().startswith("</script><img src=x")
    assert page.locator("h1").inner_text() == "gptscope · <b>mine</b>"
    assert (page.faults, len(page.asked)) == ([], 1)  # type: ignore[attr-defined]
    page.close()


def test_what_is_not_in_the_file_is_told(launched: BrowserContext, tmp_path: Path) -> None:
    edits = [Edit("transformer.h.1.attn.z", "zero", head=1)]
    run = capture(lopsided(), encode(TEXT), names=[PATTERN], edits=edits)
    gptcore.export.html(run, tmp_path / "run.html")
    page = opened(launched, tmp_path / "run.html")
    head = page.locator(".facts").inner_text()
    assert "1 edit changed this run" in head and "not in this file" in head and "tokens are shown as ids" in head
    page.locator("summary").first.click()
    assert "Edit(" in page.locator(".facts").inner_text()
    select(page, "transformer.h.0.mlp")
    assert "not captured in this run" in page.locator(".stage").inner_text()
    assert "holds no logits" in page.locator('[data-part="next tokens"]').inner_text()
    assert "which the lens reads" in page.locator('[data-part="logit lens"]').inner_text()
    assert page.faults == []  # type: ignore[attr-defined]
    page.close()


SMALL = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return own && box.width && parseFloat(getComputedStyle(element).fontSize) < 12;
}).map((element) => element.outerHTML.slice(0, 80))"""
TARGETS = """() => [...document.querySelectorAll("button, summary")].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && Math.min(box.width, box.height) < 23.9;
}).map((element) => element.outerHTML.slice(0, 80))"""


USUAL = [((1440, 900), "light"), ((1280, 720), "dark"), ((900, 1000), "light")]
OTHERS = [
    pytest.param(size, {"light": "dark", "dark": "light"}[scheme], marks=pytest.mark.slow) for size, scheme in USUAL
]


@pytest.mark.parametrize(("size", "scheme"), [*USUAL, *OTHERS])
def test_it_can_be_read_and_reached(launched: BrowserContext, file: Path, size: tuple[int, int], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra `dev`").Axe()
    page = opened(launched, file, scheme, size)
    page.locator('[data-token-index="3"]').click()
    assert page.evaluate(SMALL) == []
    assert page.evaluate(TARGETS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = axe.run(page).response["violations"]
    serious = [(each["id"], each["nodes"][0]["target"]) for each in found if each["impact"] in ("serious", "critical")]
    assert serious == []
    if size[0] > 1000:
        side = json.loads(page.locator('[data-role="plot"]').get_attribute("data-cells") or "[]")[2]
        assert side >= {1440: 520, 1280: 380}[size[0]]
    page.close()


def test_six_heads_and_the_titles_of_the_cards_have_room_on_a_projector(
    launched: BrowserContext, tmp_path: Path
) -> None:
    wanted = load("fairytales")
    run = capture(wanted.model, wanted.tokenizer.encode("The fox said to the wolf"))
    gptcore.export.html(run, tmp_path / "run.html", tokenizer=wanted.tokenizer)
    page = opened(launched, tmp_path / "run.html", size=(1280, 720))
    edges = "(row) => [row, ...row.children].map((each) => each.getBoundingClientRect().right)"
    heads = page.locator(".heads")
    row, *pictures = heads.evaluate(edges)
    assert len(pictures) == 24 and max(pictures) <= row - 8
    assert heads.evaluate("(row) => row.scrollWidth <= row.clientWidth")
    heights = "all => all.map((header) => header.clientHeight)"
    assert max(page.locator(".after .card > header").evaluate_all(heights)) < 40  # each in one line
    page.close()


def test_a_token_alone(launched: BrowserContext, tmp_path: Path) -> None:
    gptcore.export.html(capture(lopsided(), encode("木")), tmp_path / "run.html", tokenizer=CharTokenizer(LETTERS))
    page = opened(launched, tmp_path / "run.html")
    for name in page.evaluate("gptscope.names()"):
        select(page, name)
    page.keyboard.press("ArrowRight")
    assert page.faults == []  # type: ignore[attr-defined]
    page.close()


def test_more_cells_than_pixels(launched: BrowserContext, tmp_path: Path) -> None:
    model = lopsided(vocab_size=3000, block_size=60)
    ids = torch.randint(3000, (60,), generator=torch.Generator().manual_seed(3)).tolist()
    run = capture(model, ids)
    gptcore.export.html(run, tmp_path / "run.html")
    page = opened(launched, tmp_path / "run.html")
    select(page, "lm_head")
    assert "a pixel is the number farthest from 0 of up to 3" in page.locator(".tools").inner_text()
    name, index, value, _ = pointed(page, 1700, 41)
    assert (name, value) == ("lm_head", run["lm_head"][index].item())
    for _ in range(12):
        page.mouse.wheel(0, -100)
    assert "a pixel is" not in page.locator(".tools").inner_text()
    assert pointed(page, 1700, 41)[1] == (0, 41, 1700)
    assert page.faults == []  # type: ignore[attr-defined]
    page.close()
