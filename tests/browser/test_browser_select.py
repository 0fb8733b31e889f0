"""A look elsewhere in real Chromium: one run of the script, everything painted, and the focus where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.driver import chromium, open_page

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
QUIET = 1.0
"""Seconds without a message, after which nothing more comes."""


class Wire:
    """What the server sends to a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages: list[ForwardMsg] = []
        self.last = time.monotonic()
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)

    def _received(self, payload: str | bytes) -> None:
        self.last = time.monotonic()
        self.messages.append(ForwardMsg.FromString(payload if isinstance(payload, bytes) else payload.encode()))

    def rest(self) -> None:
        """Wait until nothing more comes: the badge has measured, too."""
        while time.monotonic() - self.last < QUIET:
            self.page.wait_for_timeout(100)

    def of(self, act: Callable[[], object]) -> list[ForwardMsg]:
        """All that is sent for an action."""
        self.rest()
        before = len(self.messages)
        act()
        self.last = time.monotonic()
        self.rest()
        return self.messages[before:]


def runs(messages: list[ForwardMsg]) -> int:
    """How many times the script was begun."""
    return sum(message.WhichOneof("type") == "new_session" for message in messages)


def drawings(messages: list[ForwardMsg]) -> int:
    """How many drawings were sent: maps and formulas."""
    return b"".join(message.SerializeToString() for message in messages).count(b"<svg")


@pytest.fixture
def wired(launched: BrowserContext, address: str) -> Iterator[tuple[Page, Wire]]:
    """A page whose messages are listened to from the first on."""
    page = launched.new_page()
    wire = Wire(page)
    page.goto(address)
    page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
    page.locator('[data-panel="badge"][data-kind="good"]').wait_for()  # it has a run of its own
    yield page, wire
    page.close()


def node(page: Page, name: str) -> None:
    """Wait until the panel tells of this node, and the map shows it as chosen."""
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-name", name)
    expect(page.locator('[data-panel="node"] .title code')).to_have_text(name)


def test_a_look_elsewhere_is_one_run_and_one_message(wired: tuple[Page, Wire]) -> None:
    page, wire = wired
    looks: dict[str, Callable[[], object]] = {
        "transformer.h.2.attn.pattern": lambda: page.locator('[data-layer="2"][data-head="1"]').click(),
        "transformer.h.0.attn.pattern": lambda: page.get_by_label("Transformer block", exact=True).select_option("0"),
        "transformer.h.0.attn.scores": lambda: page.locator('[data-node="transformer.h.0.attn.scores"]').click(),
        "transformer.h.0.attn": lambda: page.get_by_role("button", name="block 0").click(),
    }
    seen = []
    for name, look in looks.items():
        messages = wire.of(look)
        seen.append((runs(messages), sum(message.WhichOneof("type") == "delta" for message in messages)))
        if name != "transformer.h.0.attn":  # a view around: what is inspected stays
            node(page, name)
    # a block begins as well: Streamlit's container of the fragment
    assert seen == [seen[0]] * len(looks)
    assert seen[0][0] == 1
    assert page.locator('[data-node="transformer.h.0.ln_1"]').count() == 1


def test_a_key_brings_no_drawing_again(wired: tuple[Page, Wire]) -> None:
    page, wire = wired
    page.locator("[data-role=prompt]").focus()
    page.keyboard.press("Control+End")
    wire.of(lambda: page.keyboard.insert_text("e"))
    assert drawings(wire.of(lambda: page.keyboard.insert_text("e"))) == 0
    assert drawings(wire.of(lambda: page.locator('[data-layer="2"][data-head="1"]').click())) == 1  # of another view
    assert drawings(wire.of(lambda: page.locator('[data-layer="2"][data-head="0"]').click())) == 0


def test_another_head_and_a_weight_by_keyboard_alone(page: Page) -> None:
    page.locator('[data-layer="1"][data-head="0"]').click()
    node(page, "transformer.h.1.attn.pattern")  # a choice that is made for the node before is passed over
    heads = page.get_by_label("Head", exact=True)
    heads.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-head", "1")
    page.wait_for_function(
        """() => deepQuery('[data-panel="inspector"] canvas.over')[0].getAttribute("aria-label")
            .startsWith("transformer.h.1.attn.pattern, head 1:")"""
    )
    expect(heads).to_be_focused()
    assert page.locator('[data-layer="1"][data-head="1"]').get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="block 1").click()
    page.locator('[data-node="transformer.h.1.ln_1"]').click()
    node(page, "transformer.h.1.ln_1")
    expect(heads).to_be_hidden()
    part = page.locator('[data-panel="node"]').get_by_role("button", name="weight")
    part.focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.1.ln_1.weight")
    expect(part).to_have_attribute("aria-pressed", "true")
    expect(part).to_be_focused()
    page.get_by_label("Transformer block", exact=True).select_option("2")
    node(page, "transformer.h.2.ln_1.weight")
    expect(part).to_have_attribute("aria-pressed", "true")
    page.locator('[data-panel="node"]').get_by_role("button", name="output").click()
    node(page, "transformer.h.2.ln_1")


def test_the_focus_stays_in_the_map_and_in_the_heads(page: Page) -> None:
    page.locator('[data-layer="1"][data-head="2"]').focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.1.attn.pattern")
    expect(page.locator('[data-layer="1"][data-head="2"]')).to_be_focused()
    scores = page.locator('[data-node="transformer.h.1.attn.scores"]')
    scores.focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.1.attn.scores")
    expect(scores).to_be_focused()
    page.keyboard.press("Escape")
    page.locator('[data-node="transformer.h.1.attn.c_attn"]').wait_for()
    assert page.evaluate("deepQuery('g.node:focus').length") == 1  # a node of the new view


def test_the_formula_is_a_picture_that_fits_and_can_be_read_aloud(launched: BrowserContext, address: str) -> None:
    for width in (1440, 900):
        page = open_page(launched, address, width)
        page.locator('[data-layer="1"][data-head="2"]').click()
        node(page, "transformer.h.1.attn.pattern")
        formula = page.locator('[data-panel="node"] .formula')
        assert "softmax" in (formula.get_attribute("aria-label") or "")
        box, around = formula.locator("svg").bounding_box(), page.locator('[data-panel="node"]').bounding_box()
        assert box is not None and around is not None
        assert box["x"] >= around["x"] and box["x"] + box["width"] <= around["x"] + around["width"]
        assert box["y"] + box["height"] <= around["y"] + around["height"]
        page.close()


def test_after_another_page_the_drawing_is_there_again(page: Page) -> None:
    page.locator('[data-layer="1"][data-head="2"]').click()
    node(page, "transformer.h.1.attn.pattern")
    page.get_by_text("About this model").first.click()
    page.get_by_text("parameters").first.wait_for()
    page.get_by_text("Explore").first.click()
    page.locator('[data-node="transformer.h.1.attn.pattern"]').wait_for()
    node(page, "transformer.h.1.attn.pattern")
    expect(page.locator('[data-panel="node"] .formula svg')).to_be_visible()
