"""The screen without a mouse: by the Tab key and the arrows alone, and by touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, capture
from tests.browser.driver import chromium, draw_diagram

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
FOCUS = """() => {
  const path = [];
  for (let own = document.activeElement; own; own = own.shadowRoot?.activeElement) path.push(own);
  const own = path.at(-1);
  const lit = (node) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  };
  const box = own.getBoundingClientRect();
  return {
    place: path.find((node) => node.dataset?.place)?.dataset.place ?? "",
    role: own.dataset.role ?? "",
    name: own.getAttribute("aria-label") ?? own.textContent.trim(),
    ring: lit(own) || lit(own.parentElement) || (own.closest(".field") !== null),
    hidden: own.closest("[aria-hidden=true]") !== null || box.width === 0,
    node: own.dataset.node ?? "",
  };
}"""
GROUPS = [
    ("prompt", "Prompt"),
    ("prompt", "Tokens of the prompt"),
    ("generate", "▶ Generate"),
    ("generate", "How many tokens to draw"),
    ("generate", "step ›"),
    ("generate", "T 1.0 ▾"),
    ("save", "Save ▾"),
    ("map", "Tensors"),
    ("map", "Find a node by its name"),
    ("map", "▶ pass"),
    ("map", "would say"),
    ("map", "attentionhead 0.0"),
    ("node", "switch off head 0.0"),
    ("node", "{ } code"),
    ("node", "whole window"),
    ("matrix", "cells"),
    ("matrix", "0–1"),
    ("matrix", "closer"),
    ("matrix", f"transformer.h.0.attn.pattern, head 0: {len(PROMPT)} by {len(PROMPT)}; arrow keys read its values"),
    ("first_look", "close"),
    ("heads", "layer 0, head 0"),
    ("prediction", "the token before"),
    ("prediction", "How many tokens to show"),
    ("prediction", "which heads? → Lab"),
    ("prediction", "append"),
    ("prediction", "Temperature"),
    ("prediction", "1.0"),
    ("lens", "emb"),
    ("timeline", "Step of the training"),
]
"""The panels from the prompt on, in the order of the eye: each group of like buttons is one stop."""


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FOCUS)
    return found


def go_to(page: Page, place: str, name: str = "") -> None:
    """By the Tab key, to a stop of a panel."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here = focused(page)
        if here["place"] == place and here["name"].startswith(name):
            return
    raise AssertionError(f"the Tab key does not come to {place} {name}")


def test_tab_passes_each_panel_in_order_and_comes_back_to_the_prompt(page: Page) -> None:
    page.locator("[data-role=prompt]").focus()
    stops = [focused(page)]
    for _ in range(60):
        page.keyboard.press("Tab")
        if (here := focused(page))["role"] == "prompt":
            break
        stops.append(here)
    else:
        raise AssertionError("the Tab key does not come back to the prompt")
    inside = [stop for stop in stops if stop["place"]]
    for stop, (place, name) in zip(inside, GROUPS, strict=True):
        assert stop["place"] == place and stop["name"].startswith(name), (stop, place, name)
        assert stop["ring"] and not stop["hidden"], stop
    assert len(stops) - len(inside) <= 12  # the page's own: its six pages, menu, link and model


def test_the_screen_is_used_by_keys_alone(page: Page, shakespeare: Checkpoint) -> None:
    page.locator("[data-role=prompt]").focus()
    go_to(page, "prompt", "Tokens")  # lock a token
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    size = len(PROMPT)
    expect(page.locator(f'[data-token-index="{size - 3}"]')).to_have_attribute("aria-pressed", "true")
    page.locator(f'[data-panel="prediction"][data-position="{size - 3}"]').wait_for()
    page.keyboard.press("Escape")
    page.locator(f'[data-panel="prediction"][data-position="{size - 1}"]').wait_for()

    go_to(page, "map", "attention")  # choose a tensor, then open a block by the same key
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator('[data-panel="node"][data-name="transformer.h.0.resid_post"]').wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator('[data-panel="node"][data-name="transformer.h.1"]').wait_for()
    page.keyboard.press("Enter")
    page.locator('[data-node="transformer.h.1.attn.pattern"]').wait_for()

    for _ in range(20):
        page.keyboard.press("ArrowUp")
    assert focused(page)["node"] == "transformer.wte"
    while focused(page)["node"] != "transformer.h.1.attn.pattern":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator('[data-role=plot][data-name="transformer.h.1.attn.pattern"]').wait_for()

    go_to(page, "matrix", "0–1")  # the scale
    page.keyboard.press("ArrowRight")
    assert focused(page)["name"] == "per row"
    page.keyboard.press("Enter")
    expect(page.locator('[data-word="row"]')).to_have_attribute("aria-pressed", "true")

    go_to(page, "heads", "layer 1, head 0")  # a head
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator('[data-role=plot][data-head="1"]').wait_for()

    for _ in range(60):  # back to the tensor: a cell is explained
        page.keyboard.press("Shift+Tab")
        if focused(page)["name"].startswith("transformer.h.1.attn.pattern, head 1"):
            break
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    trace = capture(shakespeare, shakespeare.tokenizer.encode(PROMPT))
    index = [int(part) for part in (card.get_attribute("data-index") or "").split(",")]
    assert index[:2] == [0, 1] and size - 4 <= index[2] < size - 1
    value = trace["transformer.h.1.attn.pattern"][tuple(index)].item()
    assert float(card.get_attribute("data-value") or "nan") == pytest.approx(value, rel=1e-4)

    go_to(page, "prediction", "append")  # append the second token
    page.keyboard.press("ArrowDown")
    token = trace.logits[0, -1].argsort(descending=True)[1].item()
    page.keyboard.press("Enter")
    expect(page.locator("[data-role=prompt]")).to_have_value(PROMPT + shakespeare.tokenizer.decode([int(token)]))


def test_the_diagram_is_one_stop(page: Page) -> None:
    draw_diagram(page)
    page.locator("[data-role=prompt]").focus()
    go_to(page, "map", "Diagram")
    go_to(page, "map", "Softmax: pattern") if page.locator("g.node.selected").count() else go_to(
        page, "map", "Token ids"
    )
    start = focused(page)["node"]
    page.keyboard.press("Tab")
    assert focused(page)["place"] == "node"
    page.keyboard.press("Shift+Tab")
    assert focused(page)["node"] == start
    page.keyboard.press("ArrowDown")
    assert focused(page)["node"] != start


Touch = Callable[[float, float], None]


@pytest.fixture
def touch(page: Page) -> Touch:
    """A finger in place of the mouse."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})

    def tap(x: float, y: float) -> None:
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    return tap


def tap(page: Page, touch: Touch, selector: str) -> None:
    """In the middle of an element."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box
    touch(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_touch_chooses_tokens_tensors_heads_and_cells(page: Page, touch: Touch) -> None:
    size = len(PROMPT)
    tap(page, touch, '[data-token-index="5"]')
    expect(page.locator('[data-token-index="5"]')).to_have_attribute("aria-pressed", "true")
    page.locator('[data-panel="prediction"][data-position="5"]').wait_for()
    tap(page, touch, 'button[data-layer="0"][data-head="2"]')
    page.locator('[data-role=plot][data-head="2"]').wait_for()
    box = page.locator("[data-role=plot]").bounding_box()
    assert box
    touch(box["x"] + box["width"] * 2.5 / size, box["y"] + box["height"] * 7.5 / size)
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    assert card.get_attribute("data-index") == "0,2,7,2"
    tap(page, touch, '[data-node="transformer.h.0.mlp.gelu"]')
    page.locator('[data-role=plot][data-name="transformer.h.0.mlp.gelu"]').wait_for()
    tap(page, touch, '[data-open="1"]')
    page.locator('[data-node="transformer.h.1.mlp.gelu"]').wait_for()
    strips = page.locator("[data-role=map] canvas.over").bounding_box()
    label = page.locator('[data-node="transformer.wte"]').bounding_box()
    assert strips and label
    touch(strips["x"] + strips["width"] / 2, label["y"] + 8)  # a column of the strips locks its token
    expect(page.locator('[data-token-index="5"]')).to_have_attribute("aria-pressed", "false")
    expect(page.locator('[data-token-index][aria-pressed="true"]')).to_have_count(1)
