"""The main screen in Chromium, by mouse and keyboard: generate, explain, find, play, save; nothing typed is lost."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import Checkpoint, capture, generate
from tests.browser.driver import (
    chromium,
    link_to,
    open_page,
    put_away,
    wait_for_text,
    wait_for_widgets,
    wait_until,
)

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


def wait_for_box(page: Page, text: str) -> None:
    """Wait until box and numbers are those of this text."""
    wait_until(page, "(text) => deepQuery('[data-role=prompt]')[0].value === text", arg=text)
    wait_for_text(page, text)


def generated(shakespeare: Checkpoint, count: int) -> str:
    """The prompt with tokens that gptcore draws, as the page's first choices say."""
    ids = shakespeare.tokenizer.encode(PROMPT)
    steps = generate(shakespeare, ids, max_new_tokens=count, temperature=1.0, top_k=40, seed=0)
    return PROMPT + shakespeare.tokenizer.decode([step.id for step in steps])


def test_generate_step_and_undo(page: Page, shakespeare: Checkpoint) -> None:
    page.locator('[aria-label="How many tokens to draw"]').select_option("5")
    page.locator('[data-role="generate"]').click()
    wait_for_box(page, generated(shakespeare, 5))
    wait_until(page, "deepQuery('[data-role=generate]')[0].textContent.includes('Generate')")
    page.locator('[data-role="step"]').click()
    wait_for_box(page, generated(shakespeare, 6))
    assert page.locator(".chip.drawn").count() == 6
    page.locator('[data-role="undo"]').click()
    wait_for_box(page, generated(shakespeare, 5))


def test_a_key_while_it_generates_ends_it_and_is_not_lost(page: Page) -> None:
    page.locator('[aria-label="How many tokens to draw"]').select_option("100")
    page.locator('[data-role="generate"]').click()
    wait_until(page, "deepQuery('.chip.drawn').length >= 3")
    page.locator("[data-role=prompt]").focus()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("Q")
    assert "Generate" in page.locator("[data-role=generate]").inner_text()  # at once, whatever is on its way
    text = page.locator("[data-role=prompt]").input_value()
    assert "Q" in text and text.startswith(PROMPT) and len(text) < len(PROMPT) + 60
    wait_for_box(page, text)
    page.wait_for_timeout(400)
    assert page.locator("[data-role=prompt]").input_value() == text


def test_a_generated_token_is_exchanged(page: Page) -> None:
    page.locator('[data-role="step"]').click()
    wait_until(page, "deepQuery('.chip.drawn').length === 1")
    page.locator('[data-role="step"]').click()
    wait_until(page, "deepQuery('.chip.drawn').length === 2")
    last = len(PROMPT) - 1
    page.locator(f'[data-token-index="{last}"]').click()
    wait_until(page, "(at) => deepQuery('[data-panel=prediction]')[0].dataset.position === String(at)", arg=last)
    row = page.locator('[data-role="next-token"]').nth(4)
    label = row.locator(".token").inner_text()
    row.click()
    wait_for_box(page, PROMPT + {"␣": " ", "↵": "\n"}.get(label, label))


def test_a_cell_is_explained_by_a_click(page: Page, shakespeare: Checkpoint) -> None:
    box = page.locator('[data-role="plot"]').bounding_box()
    assert box is not None
    size = len(PROMPT)
    page.mouse.click(box["x"] + box["width"] * 3.5 / size, box["y"] + box["height"] * (size - 0.5) / size)
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    trace = capture(shakespeare, shakespeare.tokenizer.encode(PROMPT))
    value = trace["transformer.h.0.attn.pattern"][0, 0, -1, 3].item()
    assert card.get_attribute("data-index") == f"0,0,{size - 1},3"
    assert math.isclose(float(card.get_attribute("data-value") or "nan"), value, rel_tol=1e-4)
    assert math.isclose(float(card.get_attribute("data-recomputed") or "nan"), value, rel_tol=1e-4)
    card.locator("[data-open]").first.click()
    page.locator('[data-role="plot"][data-name="transformer.h.0.attn.masked"]').wait_for()
    card.get_by_role("button", name="close").click()
    card.wait_for(state="detached")


def test_a_pixel_of_the_map_is_explained_by_a_double_click(page: Page, shakespeare: Checkpoint) -> None:
    over = page.locator("[data-role=map] canvas.over").bounding_box()
    strip = page.locator('[data-role=map] [data-node="transformer.wpe"]').bounding_box()
    end = page.locator("[data-role=map] .say").first.bounding_box()
    assert over and strip and end
    start = strip["x"] + strip["width"] + 8
    x = start + (end["x"] - start) * 2.5 / len(PROMPT)
    page.mouse.dblclick(x, strip["y"] + 1.5)
    card = page.locator('[data-role="explanation"]')
    card.wait_for()
    values = capture(shakespeare, shakespeare.tokenizer.encode(PROMPT))["transformer.wpe"]  # (T, C)
    position, channel = (int(part) for part in (card.get_attribute("data-index") or "").split(","))
    first = values[2, : -(-values.shape[1] // 16)].abs()
    assert (position, channel) == (2, int(first.argmax()))
    assert math.isclose(float(card.get_attribute("data-value") or "nan"), values[2, channel].item(), rel_tol=1e-4)
    wait_until(page, "deepQuery('[data-panel=prediction]')[0].dataset.position === '2'")  # its token is followed
    card.get_by_role("button", name="close").click()
    card.wait_for(state="detached")
    page.keyboard.press("Escape")


def test_a_node_is_found_by_its_name(page: Page) -> None:
    page.locator('[data-token-index="3"]').click()  # no field has the focus
    page.keyboard.press("/")
    page.keyboard.type("softmax pattern")
    page.keyboard.press("Enter")
    page.locator('[data-panel="node"][data-name="transformer.h.0.attn.pattern"]').wait_for()
    page.keyboard.press("Escape")
    page.locator('[aria-label="Find a node by its name"]').fill("mlp.c_proj")
    page.locator("[data-found]").nth(2).click()
    page.locator('[data-panel="node"][data-name="transformer.h.2.mlp.c_proj"]').wait_for()


PLAY = """() => new Promise((done) => {
  const [told, play] = [deepQuery('.telling')[0], deepQuery('[data-role="play"]')[0]];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) { setTimeout(() => send.call(this, data), 120); };
  const seen = [];
  const look = () => {
    const count = told.querySelector('.number').textContent;
    if (count && count !== seen.at(-1)) seen.push(count);
    if (seen.length && play.textContent === '▶ pass' && count.startsWith(count.split('/')[1])) {
      WebSocket.prototype.send = send;
      done(seen);
    } else requestAnimationFrame(look);
  };
  play.click();
  look();
})"""
"""Function that plays a pass on a slow connection and returns which steps are told."""


def test_a_pass_plays_in_its_time_and_goes_step_by_step(page: Page) -> None:
    seen = page.evaluate(PLAY)
    page.locator('[data-panel="node"][data-name="lm_head"]').wait_for()
    steps = [int(count.split("/")[0]) for count in seen]
    last = int(seen[0].split("/")[1])
    assert (steps[0], steps[-1]) == (1, last)
    assert len(steps) < last  # one that comes late is left out: with each of them it would take twice its time
    assert steps == sorted(steps)
    told = page.locator(".telling")
    assert "vocabulary" in told.locator("p").inner_text()
    told.get_by_role("button", name="step back").click()
    page.locator('[data-panel="node"][data-name="transformer.ln_f"]').wait_for()
    told.get_by_role("button", name="close").click()
    assert not told.is_visible()


def test_under_reduced_motion_a_pass_waits_for_each_step(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.locator('[data-role="play"]').click()
    page.locator('[data-panel="node"][data-name="transformer.wte"]').wait_for()
    page.wait_for_timeout(600)
    assert page.locator('[data-panel="node"]').get_attribute("data-name") == "transformer.wte"
    page.locator(".telling").get_by_role("button", name="step on").click()
    page.locator('[data-panel="node"][data-name="transformer.wpe"]').wait_for()


def test_pictures_are_saved_with_their_caption(page: Page, tmp_path: Path) -> None:
    menu = page.get_by_role("group", name="Save a picture or a file")
    for name in ("stage.png", "stage.svg", "map.png", "map.svg"):
        page.locator('[data-role="save"]').click()
        with page.expect_download() as download:
            page.locator(f'[data-save="{name}"]').click()
        expect(menu).to_be_hidden()
        expect(page.locator('[data-role="save"]')).to_be_focused()
        target = tmp_path / name
        download.value.save_as(target)
        assert download.value.suggested_filename == f"gptscope-{name}"
        if name.endswith("png"):
            picture = Image.open(target)
            assert min(picture.size) > 600 and len(picture.convert("RGB").getcolors(1 << 20) or []) > 50
            continue
        texts = [element.text for element in ElementTree.parse(target).iter("{http://www.w3.org/2000/svg}text")]
        assert PROMPT in texts
        assert any(text and text.startswith("gptscope · shakespeare-char · transformer.h.0") for text in texts)
    page.locator('[data-role="save"]').click()
    menu.get_by_text("A picture of").click()  # nothing in the menu has the focus
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


def test_links_show_the_locked_token_s_own(page: Page) -> None:
    page.locator('[data-word="links"] >> visible=true').click()
    page.locator('[data-panel="inspector"] [data-word="links"][aria-pressed="true"]').wait_for()
    page.locator('[data-token-index="7"]').click()
    page.locator('[data-token-index="7"][aria-pressed="true"]').wait_for()
    page.locator('[data-role="plot"]').wait_for()
    page.locator('[data-word="heads"] >> visible=true').click()
    page.locator('[data-layer="3"][data-head="3"]').wait_for()
    assert page.locator("[data-layer][data-head]:not([data-role])").count() == 16
    page.locator('[data-layer="2"][data-head="1"]').click()
    page.locator('[data-role="plot"][data-name="transformer.h.2.attn.pattern"][data-head="1"]').wait_for()


def test_the_stage_takes_the_window_and_gives_it_back(page: Page) -> None:
    plot, stage = page.locator('[data-role="plot"]'), page.locator(".stage[data-width]")
    before = plot.bounding_box()
    page.get_by_role("button", name="whole window").click()
    expect(stage).to_have_attribute("data-width", "window")
    expect(page.locator('[data-panel="prediction"]')).to_be_hidden()
    assert plot.bounding_box() != before
    page.get_by_role("button", name="whole window").click()
    expect(stage).not_to_have_attribute("data-width", "window")
    page.wait_for_timeout(500)  # for the plot to be drawn at its size
    assert plot.bounding_box() == before


WATCH = """(selectors) => {
  window.lefts = selectors.map(() => new Set());
  const look = () => {
    selectors.forEach((selector, i) => lefts[i].add(deepQuery(selector)[0].getBoundingClientRect().left));
    requestAnimationFrame(look);
  };
  look();
}"""
"""Function that notes in each frame where some elements stand."""


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_button_moves_while_tokens_are_drawn(launched: BrowserContext, address: str, size: tuple[int, int]) -> None:
    page = open_page(launched, link_to(address, "fairytales"), *size)
    wait_for_widgets(page)
    buttons = ['[data-role="generate"]', '[data-role="step"]', '[data-role="undo"]', ".degrees", ".overview"]
    buttons += [f'[data-panel="prediction"] [aria-label^="the {which}"]' for which in ("token before", "next token")]
    page.evaluate(WATCH, buttons)
    page.locator('[data-role="generate"]').click()
    wait_until(page, "deepQuery('.chip.drawn').length >= 12")  # the number of those to come has a digit less
    wait_until(page, "deepQuery('[data-role=generate]')[0].textContent.includes('Generate')")
    assert [len(each) for each in page.evaluate("() => lefts.map((each) => [...each])")] == [1] * 7
    put_away(page)
