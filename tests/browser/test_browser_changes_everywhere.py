"""The form of changes in the card of a head and on the map, in Chromium: by mouse, by keyboard and by touch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from gptcore import Edit, capture
from tests.browser.driver import chromium, draw_diagram, link_to, open_address, open_page, put_away, wait_until
from tests.browser.test_browser_accessible import findings
from tests.browser.test_browser_changes import expect_first, first
from tests.lopsided import FITS, encode, lopsided, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
CARD, LIST, TABLE = '[data-panel="head-card"]', '[data-panel="head-ranking"]', '[data-panel="head-table"]'
FORM, SIGN = '[data-role="change_form"]', '[data-role="change-node"]'
PATIENCE = 60_000


@pytest.fixture
def address(address: str, tmp_path: Path) -> str:
    """Address of the app with the lopsided model, instead of the default."""
    return link_to(address, write_folder(tmp_path / "lopsided", lopsided(), prompt=FITS))


@pytest.fixture
def lab(launched: BrowserContext, address: str) -> Iterator[Page]:
    page = open_address(launched, address.replace("/?", "/lab?"))
    page.locator(f"{LIST} [data-role=ranked-head]").first.wait_for(timeout=PATIENCE)
    page.locator(CARD).wait_for(timeout=PATIENCE)
    yield page
    put_away(page)


@pytest.fixture
def explore(launched: BrowserContext, address: str) -> Iterator[Page]:
    page = open_page(launched, address)
    yield page
    put_away(page)


def shares(edit: Edit) -> tuple[float, float]:
    """The probability of the likeliest token without an edit, and with it, by gptcore alone."""
    before, after = (
        capture(lopsided(), encode(FITS), edits=edits).logits[0, -1].double().softmax(-1) for edits in ([], [edit])
    )
    return float(before.max()), float(after[before.argmax()])


def expect_said(page: Page, wanted: tuple[float, float]) -> None:
    """Wait until the card and the list tell these probabilities."""
    script = """([card, list, before, after]) => {
      const apart = ({ dataset }) => Math.abs(dataset.before - before) + Math.abs(dataset.after - after);
      const near = (node) => node && apart(node) < 1e-5;
      return near(deepQuery(`${card} .said [data-after]`)[0]) && near(deepQuery(`${list} [data-role="said"]`)[0]);
    }"""
    wait_until(page, script, arg=[CARD, LIST, *wanted], timeout=30_000)


def test_a_head_is_scaled_in_its_card(lab: Page) -> None:
    layer, head = (int(part) for part in str(lab.locator(CARD).get_attribute("data-head")).split("."))
    name = f"transformer.h.{layer}.attn.z"
    lab.locator('[data-role="card-change"]').click()
    expect(lab.locator(f"{FORM} select")).to_be_focused()
    lab.locator('[data-way="scale"]').click()
    lab.get_by_label("Number").fill("1.5")
    lab.locator('[data-role="add-change"]').click()
    expect_said(lab, shares(Edit(name, "scale", 1.5, head=head)))
    chip = lab.locator(f'{CARD} [data-role="edit"]')
    expect(chip).to_have_attribute("data-how", "scale")
    says = lab.locator('[data-panel="token_line"] .says')
    expect(says).to_have_attribute("title", re.compile(r"^With the changes, .*; it does so without them, too"))
    lab.wait_for_url(f"**{layer}.attn.z_scale1.5_h{head}**")
    expect(lab.locator('[data-way="scale"]')).to_have_attribute("aria-checked", "true")  # the form is still the same
    assert findings(lab) == []
    lab.get_by_label("Number").fill("0.25")
    lab.locator('[data-role="add-change"]').click()
    expect_said(lab, shares(Edit(name, "scale", 0.25, head=head)))
    lab.keyboard.press("Escape")
    expect(lab.locator(FORM)).to_have_count(0)
    expect(lab.locator('[data-role="card-change"]')).to_be_focused()
    lab.keyboard.press("Control+z")
    expect_said(lab, shares(Edit(name, "scale", 1.5, head=head)))
    chip.get_by_label("take away").click()
    expect(chip).to_have_count(0)
    expect(lab.locator(f"{CARD} .said")).to_be_hidden()
    lab.locator('[data-role="undo-change"]').click()
    expect_said(lab, shares(Edit(name, "scale", 1.5, head=head)))


def test_a_row_of_the_list_and_of_the_table_opens_the_form_by_the_keyboard(lab: Page) -> None:
    second = lab.locator(f"{LIST} [data-role=ranked-head]").nth(1)
    layer, head = str(second.get_attribute("data-name")).split(".")
    second.locator("[data-kind=head]").focus()
    for _ in range(2):
        lab.keyboard.press("ArrowRight")
    expect(second.locator("[data-kind=form]")).to_be_focused()
    lab.keyboard.press("Enter")
    lab.locator(f'{CARD}[data-head="{layer}.{head}"]').wait_for()
    expect(lab.locator(f"{FORM} select")).to_be_focused()
    expect(lab.locator(f"{FORM} select")).to_have_value(f"head {layer}.{head}")
    lab.keyboard.press("Tab")
    for _ in range(3):
        lab.keyboard.press("ArrowRight")
    lab.keyboard.press("Tab")
    lab.keyboard.press("Tab")
    lab.keyboard.press("Enter")
    expect(lab.locator(f'{CARD} [data-role="edit"]')).to_contain_text("mean of the model's own text")
    lab.get_by_text("Table", exact=True).click()
    row = lab.locator(f'{TABLE} tr[data-head="2.1"]')
    row.locator("button").first.focus()
    lab.keyboard.press("ArrowRight")
    lab.keyboard.press("Enter")
    lab.locator(f'{CARD}[data-head="2.1"]').wait_for()
    expect(lab.locator(f"{FORM} select")).to_be_focused()
    expect(lab.locator(f"{FORM} select")).to_have_value("head 2.1")
    assert findings(lab) == []


def scale(page: Page, part: str, factor: str) -> None:
    """Scale a part in the form that is open, which has chosen it."""
    expect(page.locator(f"{FORM} select")).to_be_focused()
    expect(page.locator(f"{FORM} select")).to_have_value(part)
    page.locator('[data-way="scale"]').click()
    page.get_by_label("Number").fill(factor)
    page.locator('[data-role="add-change"]').click()


@pytest.mark.parametrize("form", ["Tensors", "Diagram"])
def test_a_node_of_the_map_opens_the_form(explore: Page, form: str) -> None:
    name, label = "transformer.h.0.mlp.gelu", "MLP 0"
    if form == "Diagram":
        draw_diagram(explore)
        explore.locator("g.node.stack g.open").click()
        name = "transformer.h.0.mlp"
    node = explore.locator(f'[data-node="{name}"]')
    node.hover()
    expect(explore.locator(SIGN)).to_have_attribute("data-of", name)
    explore.locator(SIGN).click()
    scale(explore, label, "1.5")
    expect_first(explore, first(Edit("transformer.h.0.mlp", "scale", 1.5)))
    expect(explore.locator('[data-role="edit"]')).to_have_attribute("data-name", "transformer.h.0.mlp")
    other = "transformer.h.0.resid_mid"
    explore.locator(f'[data-node="{other}"]').click(button="right")
    scale(explore, "h.0.resid_mid, position 5", "0.5")
    edits = [Edit("transformer.h.0.mlp", "scale", 1.5), Edit(other, "scale", 0.5, position=5)]
    expect_first(explore, first(*edits))
    explore.keyboard.press("Escape")
    expect(explore.locator(FORM)).to_have_count(0)
    for key in ("c", "ContextMenu", "Shift+F10"):
        node.focus()
        explore.keyboard.press(key)
        expect(explore.locator(f"{FORM} select")).to_be_focused()
        expect(explore.locator(f"{FORM} select")).to_have_value(label)
        assert findings(explore) == []
        explore.keyboard.press("Escape")
        expect(node).to_be_focused()


def test_the_sign_stands_at_the_selected_node_and_nowhere_that_cannot_be_changed(explore: Page) -> None:
    selected = str(explore.locator('.line[aria-pressed="true"]').get_attribute("data-node"))
    expect(explore.locator(SIGN)).to_have_attribute("data-of", selected)
    explore.locator('[data-node="transformer.wpe"]').hover()
    expect(explore.locator(SIGN)).to_be_hidden()
    explore.locator('[data-node="transformer.wpe"]').focus()
    explore.keyboard.press("c")
    explore.mouse.move(700, 500)
    explore.locator('[data-role="prompt"]').focus()
    expect(explore.locator(SIGN)).to_have_attribute("data-of", selected)
    expect(explore.locator(FORM)).to_have_count(0)
    explore.locator('[data-node="transformer.ln_f"]').click()
    explore.mouse.move(700, 500)
    expect(explore.locator(SIGN)).to_have_attribute("data-of", "transformer.ln_f")


def test_by_touch_the_form_is_two_taps_away(launched: BrowserContext, address: str) -> None:
    browser = launched.browser
    assert browser is not None
    touch = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = open_page(touch, address, 390, 844)
    page.get_by_role("button", name="Map", exact=True).tap()
    page.locator('[data-node="transformer.h.0.resid_post"]').tap()
    page.locator(f'{SIGN}[data-of="transformer.h.0.resid_post"]').tap()
    expect(page.locator(f"{FORM} select")).to_have_value("h.0.resid_post, position 5")
    expect(page.locator(FORM)).to_be_in_viewport()
    touch.close()
