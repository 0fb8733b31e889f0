"""A look elsewhere in real Chromium: one run of the script, everything painted, and the focus where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Locator, Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.driver import chromium, draw_diagram, open_page, pick_head, put_away, wait_until

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
QUIET = 1.0
"""Seconds without a message, after which nothing more comes."""


class Wire:
    """The messages that the server sends to a page."""

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
    """The number of times that the script was begun."""
    return sum(message.WhichOneof("type") == "new_session" for message in messages)


def drawings(messages: list[ForwardMsg]) -> int:
    """The number of drawings that were sent: maps and formulas."""
    return b"".join(message.SerializeToString() for message in messages).count(b"<svg")


@pytest.fixture
def wired(launched: BrowserContext, address: str) -> Iterator[tuple[Page, Wire]]:
    """A page whose messages are listened to from the first on."""
    page = launched.new_page()
    wire = Wire(page)
    page.goto(address)
    page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
    page.locator('[data-panel="parity_badge"][data-kind="good"]').wait_for()  # it has a run of its own
    yield page, wire
    page.close()


def node(page: Page, name: str) -> None:
    """Wait until the panel tells of this node."""
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-name", name)
    expect(page.locator('[data-panel="node"] code')).to_have_text(name)


def head(page: Page, layer: int, number: int) -> Locator:
    """The button of a head."""
    return page.locator(f'button[data-layer="{layer}"][data-head="{number}"]')


def test_a_look_elsewhere_is_one_run_and_one_message(wired: tuple[Page, Wire]) -> None:
    page, wire = wired
    block = page.get_by_label("Transformer block", exact=True)
    pattern = "transformer.h.2.attn.pattern"
    looks: list[tuple[str, Callable[[], object]]] = [
        ("transformer.h.0.attn.pattern", lambda: head(page, 0, 1).click()),
        ("transformer.h.0.resid_post", lambda: page.locator('[data-node="transformer.h.0.resid_post"]').click()),
        ("transformer.h.2.resid_post", lambda: page.locator('[data-open="2"]').click()),
        (pattern, lambda: page.locator(f'[data-node="{pattern}"]').click()),
        (pattern, lambda: page.locator('[data-token-index="4"]').click()),
        (pattern, lambda: page.get_by_role("button", name="per row").click()),
        (pattern, lambda: page.get_by_role("button", name="Diagram", exact=True).click()),
        ("transformer.h.0.attn.pattern", lambda: block.select_option("0")),
        ("transformer.h", lambda: page.locator('[data-node="transformer.h"]').click()),
        ("transformer.h.0", lambda: page.locator('[data-node="transformer.h"] .open').click()),
        ("transformer.h.0.attn", lambda: page.locator('[data-node="transformer.h.0.attn"]').click()),
        ("transformer.h.0.attn", lambda: page.locator('[data-node="transformer.h.0.attn"] .open').click()),
        ("transformer.h.0.attn", lambda: page.get_by_role("button", name="block 0", exact=True).click()),
    ]
    seen = []
    for name, look in looks:
        messages = wire.of(look)
        seen.append((runs(messages), sum(message.WhichOneof("type") == "delta" for message in messages)))
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
    diagram = page.get_by_role("button", name="Diagram", exact=True)
    assert drawings(wire.of(lambda: diagram.click())) == 1  # of the map
    page.locator("[data-role=prompt]").focus()
    assert drawings(wire.of(lambda: page.keyboard.insert_text("e"))) == 0
    assert drawings(wire.of(lambda: head(page, 0, 1).click())) == 0
    block = page.get_by_label("Transformer block", exact=True)
    assert drawings(wire.of(lambda: block.select_option("1"))) == 1  # of another block
    assert drawings(wire.of(lambda: block.select_option("0"))) == 0
    assert drawings(wire.of(lambda: page.get_by_role("button", name="Tensors", exact=True).click())) == 0
    assert drawings(wire.of(lambda: diagram.click())) == 0


def test_another_head_and_a_weight_by_keyboard_alone(page: Page) -> None:
    page.locator('[data-open="1"]').click()
    node(page, "transformer.h.1.attn.pattern")
    head(page, 1, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-head", "1")
    wait_until(
        page,
        """() => deepQuery('[data-panel="inspector"] canvas.over')[0].getAttribute("aria-label")
            .startsWith("transformer.h.1.attn.pattern, head 1:")""",
    )
    expect(head(page, 1, 1)).to_be_focused()
    expect(head(page, 1, 1)).to_have_attribute("aria-pressed", "true")
    page.locator('[data-node="transformer.h.1.ln_1"]').click()
    node(page, "transformer.h.1.ln_1")
    expect(head(page, 1, 1)).to_be_hidden()
    part = page.locator('[data-panel="node"]').get_by_role("button", name="weight")
    part.focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.1.ln_1.weight")
    expect(part).to_have_attribute("aria-pressed", "true")
    expect(part).to_be_focused()
    page.locator('[data-open="2"]').click()
    node(page, "transformer.h.2.ln_1.weight")
    expect(part).to_have_attribute("aria-pressed", "true")
    page.locator('[data-panel="node"]').get_by_role("button", name="output").click()
    node(page, "transformer.h.2.ln_1")


def test_the_focus_stays_in_the_map_and_in_the_heads(page: Page) -> None:
    head(page, 0, 2).focus()
    page.keyboard.press("Enter")
    expect(page.locator('[data-panel="node"]')).to_have_attribute("data-head", "2")
    expect(head(page, 0, 2)).to_be_focused()
    line = page.locator('[data-panel="map"] [data-node="transformer.h.0.resid_mid"]')
    line.focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.0.resid_mid")
    expect(line).to_be_focused()
    page.locator('[data-node="transformer.h.0.attn.pattern"]').click()
    pick_head(page, 1, 2)  # of another block: the view where patterns are made
    draw_diagram(page)
    scores = page.locator('g.node[data-node="transformer.h.1.attn.scores"]')
    scores.focus()
    page.keyboard.press("Enter")
    node(page, "transformer.h.1.attn.scores")
    expect(scores).to_be_focused()
    page.keyboard.press("Escape")
    page.locator('g.node[data-node="transformer.h.1.attn.c_attn"]').wait_for()
    assert page.evaluate("deepQuery('g.node:focus').length") == 1  # a node of the new view


def test_the_formula_is_a_picture_that_fits_and_can_be_read_aloud(launched: BrowserContext, address: str) -> None:
    for width in (1440, 900):
        page = open_page(launched, address, width)
        page.get_by_role("button", name="{ } code").click()
        page.locator('[data-panel="code"] .formula svg').wait_for()
        for name in ("node", "code"):
            formula = page.locator(f'[data-panel="{name}"] .formula')
            assert "softmax" in (formula.get_attribute("aria-label") or "")
            box, around = formula.locator("svg").bounding_box(), page.locator(f'[data-panel="{name}"]').bounding_box()
            assert box is not None and around is not None
            if name == "node" and box["y"] > around["y"] + around["height"] - 1:
                continue  # there is no room for it: the drawer has it
            assert box["x"] >= around["x"] and box["x"] + box["width"] <= around["x"] + around["width"], name
            assert box["y"] + box["height"] <= around["y"] + around["height"], name
        put_away(page)


@pytest.mark.slow
def test_after_another_page_the_drawing_is_there_again(page: Page) -> None:
    page.locator('[data-open="1"]').click()
    node(page, "transformer.h.1.attn.pattern")
    draw_diagram(page)
    page.get_by_text("About this model").first.click()
    page.get_by_text("parameters").first.wait_for()
    page.get_by_text("Explore").first.click()
    page.locator('g.node[data-node="transformer.h"]').wait_for()
    node(page, "transformer.h.1.attn.pattern")
    expect(page.locator('[data-panel="node"] .formula svg')).to_be_attached()


FADES = """() => {
  const found = [];
  const look = () => {
    for (const each of document.querySelectorAll('[data-testid="stElementContainer"]')) {
      const { opacity, transitionDuration } = getComputedStyle(each);
      if (opacity !== "1" || transitionDuration.split(", ").some((time) => time !== "0s")) found.push(each.className);
    }
  };
  const stale = { attributes: true, subtree: true, attributeFilter: ["data-stale"] };
  new MutationObserver(look).observe(document.body, stale);
  window.echoes = 0;
  window.addEventListener("message", ({ data }) => data?.type === "SCRIPT_RUN_STATE_CHANGED" && (window.echoes += 1));
  window.stale = new Promise((seen) => new MutationObserver((all) => seen(all.length)).observe(document.body, stale));
  window.fading = found;
}"""


def test_nothing_fades_at_a_key_and_streamlit_hears_no_echo(page: Page) -> None:
    page.evaluate(FADES)
    page.locator("[data-role=prompt]").click()
    page.keyboard.type("ab")
    assert page.evaluate("window.stale") > 0  # Streamlit does call its elements stale meanwhile
    page.wait_for_timeout(500)
    assert page.evaluate("window.fading") == []
    assert page.evaluate("window.echoes") == 0
