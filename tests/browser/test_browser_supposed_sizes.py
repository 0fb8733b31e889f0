"""The page Sizes in real Chromium: a preset, a slider, impossible sizes and the way out, times, the address."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.supposed_sizes import Choice, stops, to_text
from gptcore import Checkpoint, GPTConfig, architecture
from gptcore.graph.costs import RunSize, parts, total
from tests.browser.driver import chromium, open_address, put_away
from tests.browser.test_browser_sizes import LETTERS

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
XL = Choice.of(GPTConfig.preset("gpt2-xl"))


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    """The page Sizes, by its address."""
    opened = open_address(launched, f"{address}/what_if")
    opened.locator('[data-panel="supposed_sizes"]').wait_for(timeout=90_000)
    yield opened
    put_away(opened)


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    opened = open_address(launched, f"{address}/what_if")
    opened.locator('[data-panel="supposed_sizes"]').wait_for(timeout=90_000)
    yield opened
    put_away(opened)


@pytest.fixture
def kept(one: Page) -> Page:
    """One page for the tests that choose the sizes that they read."""
    one.bring_to_front()  # of the tabs of other tests
    return one


def drawn(page: Page, choice: Choice) -> None:
    """Wait until these sizes are drawn."""
    page.locator(f'[data-panel="supposed_sizes"][data-drawn="{to_text(choice)}"]').wait_for()


def preset(page: Page, name: str) -> None:
    page.locator(f'button[data-preset="{name}"]').click()


def assert_numbers(page: Page, choice: Choice) -> None:
    """The drawn page is gptcore's: totals, the bars, and some lines of the map."""
    drawn(page, choice)
    config, run = choice.config, choice.run
    by_part, arch = parts(config, run), architecture(config)
    whole, shapes = total(by_part.values()), arch.shapes(run.B, run.T)
    for name in ("params", "flops", "activations", "cache"):
        told = page.locator(f'[data-total="{name}"]').get_attribute("data-value")
        assert int(told or 0) == getattr(whole, name)
        for part, cost in by_part.items():
            piece = page.locator(f'[data-bar="supposed {name}"] [data-part="{part}"]')
            assert int(piece.get_attribute("data-value") or 0) == getattr(cost, name)
            cell = page.locator(f'.parts tr[data-part="{part}"] [data-cost="{name}"]')
            assert int(cell.get_attribute("data-value") or 0) == getattr(cost, name)
    for node_id in (
        "transformer.wpe",
        "transformer.h",
        "transformer.h.0.attn.pattern",
        "transformer.h.0.mlp",
        "lm_head",
    ):
        line = page.locator(f'.map tr[data-node="{node_id}"]')
        node = arch.nodes[node_id]
        assert line.locator(".shape").inner_text() == f"({', '.join(map(str, shapes[node_id]))})"
        assert int(line.locator('[data-cost="params"]').get_attribute("data-value") or 0) == node.params
        assert int(line.locator('[data-cost="flops"]').get_attribute("data-value") or 0) == node.flops(run.T, run.B)
        copies = config.n_layer if node.layer is not None else 1
        told = line.locator('[data-cost="flops"]').evaluate("(cell) => cell.style.getPropertyValue('--share')")
        assert float(told.rstrip("%")) == pytest.approx(100 * node.flops(run.T, run.B) * copies / whole.flops, abs=0.01)


def test_a_preset_and_a_slider_move_every_number(page: Page) -> None:
    preset(page, "gpt2-xl")
    assert_numbers(page, XL)
    slider = page.locator('input[type="range"][data-name="n_embd"]')
    slider.focus()
    page.keyboard.press("ArrowRight")
    widths = stops(XL, "n_embd")
    wider = dataclasses.replace(XL, n_embd=widths[widths.index(1600) + 1])
    assert_numbers(page, wider)
    page.locator('input[type="range"][data-name="block_size"]').focus()
    page.keyboard.press("ArrowLeft")
    shorter = dataclasses.replace(wider, block_size=512, T=512)  # a full context stays one
    assert_numbers(page, shorter)
    page.get_by_label("fused attention").check()
    assert_numbers(page, dataclasses.replace(shorter, fused=1))


def test_a_slider_that_is_dragged_ends_where_it_was_let_go(kept: Page) -> None:
    page = kept
    preset(page, "gpt2")
    drawn(page, Choice.of(GPTConfig.preset("gpt2")))
    page.locator('input[type="range"][data-name="n_layer"]').focus()
    for _ in range(11):
        page.keyboard.press("ArrowLeft")
    assert_numbers(page, dataclasses.replace(Choice.of(GPTConfig.preset("gpt2")), n_layer=1))
    assert page.locator('input[data-number="n_layer"]').input_value() == "1"


def test_impossible_sizes_say_why_and_offer_a_way_out(kept: Page) -> None:
    page = kept
    preset(page, "gpt2")
    small = Choice.of(GPTConfig.preset("gpt2"))
    drawn(page, small)
    field = page.locator('input[data-number="n_head"]')
    field.fill("7")
    box = page.locator('[data-role="impossible"]')
    expect(box).to_contain_text("C = 768 does not divide into H = 7 equal heads")
    assert_numbers(page, small)  # still
    expect(page.locator(".warning")).to_contain_text("Still drawn: the last possible settings, L = 12, H = 12")
    assert page.locator('[data-panel="supposed_sizes"]').get_attribute("data-possible") == "false"
    box.get_by_role("button", name="C = 770", exact=True).click()
    assert_numbers(page, dataclasses.replace(small, n_head=7, n_embd=770))
    expect(box).to_be_hidden()
    assert page.locator('input[data-number="n_embd"]').input_value() == "770"
    field.fill("")  # no number: nothing changes, and the field gets its number back
    page.locator('input[data-number="n_embd"]').focus()
    assert field.input_value() == "7"


def test_times_of_the_prompt_s_run_are_measured(kept: Page, shakespeare: Checkpoint) -> None:
    page = kept
    config = shakespeare.config
    page.locator('[data-role="measure"]').click()
    page.get_by_text("Measure again").wait_for()
    rows = page.locator('[data-role="measured"] tbody tr')
    seconds = {row.get_attribute("data-part"): float(row.get_attribute("data-seconds") or 0) for row in rows.all()}
    assert sum(value for name, value in seconds.items() if name != "the whole") == pytest.approx(seconds["the whole"])
    flops = page.locator('[data-role="measured"] tr[data-part="MLP"]').get_attribute("data-flops")
    T = int(page.locator('[data-role="measured"] p').first.inner_text().split("prompt's ")[1].split()[0])
    mine = page.locator('[data-bar="own params"] [data-part="MLP"]').get_attribute("data-value")
    assert int(mine or 0) == parts(config, RunSize(T))["MLP"].params
    assert int(flops or 0) == parts(config, RunSize(T))["MLP"].flops


def test_the_address_holds_the_sizes_and_back_leads_to_those_before(page: Page) -> None:
    page.wait_for_timeout(800)
    preset(page, "gpt2-xl")
    drawn(page, XL)
    page.wait_for_url(f"**sizes={to_text(XL)}*")
    page.reload()
    page.locator('[data-panel="supposed_sizes"]').wait_for()
    assert_numbers(page, XL)
    preset(page, "nanogpt-cpu")
    cpu = Choice.of(GPTConfig.preset("nanogpt-cpu"))
    drawn(page, cpu)
    page.wait_for_url(f"**sizes={to_text(cpu)}*")
    page.go_back()
    assert_numbers(page, XL)
    assert page.locator('input[data-number="n_layer"]').input_value() == "48"


def test_the_known_models_are_one_stop_with_arrows_inside(page: Page) -> None:
    group = page.get_by_role("group", name="Known models")
    stopping = group.locator("button:not([tabindex='-1'])")
    assert stopping.all_inner_texts() == ["this model"]
    stopping.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    drawn(page, Choice.of(GPTConfig.preset("nano-sort")))


CLOSE = """() => {
  const edges = (cell) => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange(), found = [];
    while (texts.nextNode()) {
      range.selectNodeContents(texts.currentNode);
      const box = range.getBoundingClientRect();
      if (box.width) found.push(box);
    }
    return [Math.min(...found.map((box) => box.left)), Math.max(...found.map((box) => box.right))];
  };
  return deepQuery('[data-panel="supposed_sizes"] tr').flatMap((row) => {
    const cells = [...row.children].map((cell) => [cell.textContent, ...edges(cell)]);
    return cells.slice(1).filter(([, left], i) => left - cells[i][2] < 7).map(([text]) => [row.textContent, text]);
  });
}"""
"""Function that returns each number of a table that nearly touches the one before it."""


def test_letters_are_large_enough_and_nothing_is_cut(kept: Page) -> None:
    page = kept
    preset(page, "gpt3-175b")
    drawn(page, Choice.of(GPTConfig.preset("gpt3-175b")))
    for width, height in ((1440, 900), (1280, 720), (900, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(LETTERS) == []
        cut = page.evaluate("""() =>
            deepQuery('[data-panel="supposed_sizes"] :is(table, .bars, .field, .totals, .segments)')
            .flatMap((each) => [each, each.parentElement])
            .filter((each) => each.scrollWidth > each.clientWidth + 1)
            .map((each) => [each.className, each.tagName, each.scrollWidth, each.clientWidth])""")
        assert cut == []
        assert page.evaluate(CLOSE) == []
        small = page.evaluate("""() =>
            deepQuery('[data-panel="supposed_sizes"] :is(button, label, input:not([type=checkbox]))')
            .map((each) => [each.textContent || each.dataset.name, each.getBoundingClientRect().height])
            .filter(([, height]) => height > 0 && height < 24)""")
        assert small == []
