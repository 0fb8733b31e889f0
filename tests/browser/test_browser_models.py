"""Opening a model of one's own in real Chromium: dropped on the page, by its path, wrong, and on a shared server."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from gptcore import GPT, Checkpoint, GPTConfig, capture
from tests.browser.driver import (
    chromium,
    draw_diagram,
    open_page,
    put_away,
    server,
    wait_for_rest,
    wait_for_text,
    wait_until,
)
from tests.browser.test_browser import ARTEFACTS

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
MODEL = ".st-key-choose button"
LETTERS = "\n !',-.:?ABCTZabcdefhnorstuy"


def dialog(page: Page) -> None:
    page.locator(MODEL).first.click()
    page.locator('[data-testid="stFileUploader"]').first.wait_for()
    # When it opens again, Streamlit shows what it held before as well, for a moment.
    expect(page.locator('[data-testid="stFileUploader"]')).to_have_count(1)


def upload(page: Page, *files: Path) -> None:
    dialog(page)
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(list(map(str, files)))
    page.get_by_role("button", name="Open " + " + ".join(file.name for file in files)).click()


def last_years_checkpoint(folder: Path) -> GPT:
    """nanoGPT's ckpt.pt of a compiled model with a padded vocabulary, and its meta.pkl."""
    torch.manual_seed(3)
    ids = len(LETTERS)
    config = GPTConfig(block_size=32, vocab_size=64, n_layer=3, n_head=2, n_embd=24, bias=False)
    model = GPT(config).eval()
    names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "vocab_size", "dropout")
    content = {
        "model": {f"_orig_mod.{name}": tensor for name, tensor in model.state_dict().items()},
        "optimizer": torch.optim.AdamW(model.parameters()).state_dict(),
        "model_args": {name: config.to_dict()[name] for name in names},
        "iter_num": 2000,
        "best_val_loss": torch.tensor(1.25),
        "config": {"dataset": "letters", "learning_rate": 1e-3},
    }
    torch.save(content, folder / "ckpt.pt")
    meta = {"vocab_size": ids, "itos": dict(enumerate(LETTERS)), "stoi": {c: i for i, c in enumerate(LETTERS)}}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))
    return model


def test_a_strangers_checkpoint_dropped_on_the_page(page: Page, tmp_path: Path) -> None:
    model = last_years_checkpoint(tmp_path)
    upload(page, tmp_path / "ckpt.pt", tmp_path / "meta.pkl")
    expect(page.locator(MODEL).first).to_contain_text("ckpt.pt", timeout=30_000)
    wait_for_rest(page)  # the name stands there before the panels, which the model before had with this very prompt
    wait_for_text(page, PROMPT)  # its own tokens can spell the prompt that was there
    draw_diagram(page)
    expect(page.locator('[data-node="transformer.h"] text.shape')).to_have_text(f"(1, {len(PROMPT)}, 24)")
    page.locator("[data-role=prompt]").press("Control+End")
    page.keyboard.type("e c")
    wait_for_text(page, PROMPT + "e c")
    expected = capture(model, [LETTERS.index(c) for c in PROMPT + "e c"]).logits[0, -1].double().softmax(-1)
    rows = page.locator("[data-role=next-token]")
    shown = rows.evaluate_all("rows => rows.map(r => [Number(r.dataset.tokenId), Number(r.dataset.probability)])")
    assert len(shown) == 10
    for index, probability in shown:
        assert abs(probability - expected[index].item()) < 1e-5
    expect(page.locator('[data-panel="parity_badge"]')).to_contain_text("parity")
    wait_until(page, "deepQuery('[data-panel=parity_badge]')[0].dataset.kind === 'good'")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "own-model.png")
    page.get_by_text("About this model").first.click()
    expect(page.get_by_text("• the prefix _orig_mod. was removed from")).to_be_visible()
    expect(page.get_by_text("2,000")).to_be_visible()
    expect(page.get_by_text("1.2500 nats")).to_be_visible()


def test_a_file_dragged_onto_the_page_opens_the_dialog_that_takes_it(page: Page, tmp_path: Path) -> None:
    page.evaluate(
        "window.dragged = () => { const t = new DataTransfer(); t.items.add(new File(['<html>'], 'x.pt')); return t }"
    )
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragenter', { dataTransfer: dragged(), bubbles: true }))")
    zone = page.locator('[data-testid="stFileUploaderDropzone"]')
    zone.wait_for()
    zone.evaluate("(to) => to.dispatchEvent(new DragEvent('drop', { dataTransfer: dragged(), bubbles: true }))")
    page.get_by_role("button", name="Open x.pt").click()
    expect(page.get_by_text("x.pt is a web page")).to_be_visible(timeout=30_000)
    page.keyboard.press("Escape")
    beside = "new DragEvent('drop', { dataTransfer: dragged(), bubbles: true, cancelable: true })"
    assert page.evaluate(f"document.body.dispatchEvent({beside}) === false")  # the browser does not leave the page


def test_parity_is_measured_anew_when_typing_pauses(page: Page) -> None:
    wait_until(page, "deepQuery('[data-panel=parity_badge]')[0].dataset.kind === 'good'")
    assert page.evaluate("deepQuery('[data-panel=parity_badge]')[0].dataset.text") == PROMPT
    tell = "(text) => window.dispatchEvent(new CustomEvent('gptscope:shown', { detail: text }))"
    page.evaluate(tell, PROMPT + "e")  # as the prompt does at each key: no sign of what was measured may stay
    assert page.evaluate("deepQuery('[data-panel=parity_badge]')[0].textContent") == "parity …"
    page.evaluate(tell, PROMPT)
    page.keyboard.press("Control+End")
    page.keyboard.type("e")
    wait_until(page, "(text) => deepQuery('[data-panel=parity_badge]')[0].dataset.text === text", arg=PROMPT + "e")
    wait_until(page, "deepQuery('[data-panel=parity_badge]')[0].dataset.kind === 'good'")


@pytest.mark.slow
def test_parity_is_measured_on_a_page_without_the_prompt(page: Page, tmp_path: Path) -> None:
    page.get_by_text("About this model").first.click()
    last_years_checkpoint(tmp_path)
    upload(page, tmp_path / "ckpt.pt", tmp_path / "meta.pkl")
    expect(page.locator(MODEL).first).to_contain_text("ckpt.pt", timeout=30_000)
    wait_until(page, "deepQuery('[data-panel=parity_badge]')[0].dataset.kind === 'good'")


def test_what_cannot_be_loaded_leaves_the_present_model(page: Page, tmp_path: Path, shakespeare: Checkpoint) -> None:
    (tmp_path / "page.pt").write_text("<!doctype html><b>not a model</b>")
    upload(page, tmp_path / "page.pt")
    expect(page.get_by_text("the present one stays")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("page.pt is a web page, not a checkpoint")).to_be_visible()
    page.keyboard.press("Escape")
    dialog(page)  # without the file and the failure of the last time
    assert page.locator('[data-testid="stFileUploaderFile"]').count() == 0
    expect(page.get_by_text("the present one stays")).to_have_count(0)
    page.keyboard.press("Escape")
    wait_for_text(page, PROMPT)
    page.locator("[data-role=prompt]").fill(PROMPT + "e")
    wait_for_text(page, PROMPT + "e")
    expect(page.locator(MODEL).first).to_contain_text("shakespeare-char")


def test_weights_without_a_config_ask_for_the_heads(page: Page, tmp_path: Path) -> None:
    torch.save(GPT(GPTConfig.preset("nano-sort")).state_dict(), tmp_path / "model.pt")
    upload(page, tmp_path / "model.pt")
    expect(page.get_by_text("do not tell the number of heads")).to_be_visible(timeout=30_000)
    page.get_by_role("combobox", name="How many heads").click()
    page.get_by_role("option", name="3", exact=True).click()
    page.get_by_role("button", name="Open it with these heads").click()
    expect(page.locator(MODEL).first).to_contain_text("model.pt", timeout=30_000)
    expect(page.locator('[data-panel="attention"] [data-head]')).to_have_count(3)
    expect(page.locator("[data-open]")).to_have_count(3)
    expect(page.get_by_text("The prompt could not be kept")).to_be_visible()


def test_a_path_and_the_way_back(page: Page, tmp_path: Path) -> None:
    last_years_checkpoint(tmp_path)
    dialog(page)
    field = page.get_by_role("textbox", name="Or a path on this machine")
    field.fill(str(tmp_path))
    field.press("Enter")
    expect(page.locator(MODEL).first).to_contain_text(tmp_path.name, timeout=30_000)
    wait_for_rest(page)
    draw_diagram(page)
    expect(page.locator('[data-node="transformer.h"] text.shape')).to_have_text(f"(1, {len(PROMPT)}, 24)")
    dialog(page)
    page.get_by_role("button", name="shakespeare-char").click()
    expect(page.locator(MODEL).first).to_contain_text("shakespeare-char")
    dialog(page)
    expect(page.get_by_text("Opened before")).to_be_visible()


def test_a_prompt_of_another_kind_offers_the_model_s_own_example(page: Page) -> None:
    words, box = "The wolf said to the fox", page.locator("[data-role=prompt]")
    box.fill(words)
    wait_for_text(page, words)
    offer, taken = page.locator("[data-role=offer]"), page.locator("[data-role=example]")
    expect(offer).to_be_hidden()
    boxes = "['plot', 'map'].map((role) => JSON.stringify(deepQuery(`[data-role=${role}]`)[0].getBoundingClientRect()))"
    before = page.evaluate(boxes)
    dialog(page)
    page.get_by_role("button", name="two-names").click()
    expect(page.locator(MODEL).first).to_contain_text("two-names", timeout=30_000)
    expect(offer).to_be_visible()
    wait_for_text(page, words)
    assert page.evaluate(boxes) == before
    own = "When Anna and Tom went to the store, Tom gave a ring to"
    expect(taken).to_have_attribute("title", f"take this model’s own example: {own}")
    offer.click()
    wait_for_text(page, own)
    expect(offer).to_be_hidden()
    expect(taken).to_be_hidden()
    expect(box).to_be_focused()
    assert page.evaluate(boxes) == before
    page.locator("[data-role=undo]").click()
    wait_for_text(page, words)
    box.press("End")
    page.keyboard.type("es")
    taken.click()  # the server need not have the keys yet
    wait_for_text(page, own)
    expect(box).to_have_value(own)
    page.locator("[data-role=undo]").click()
    wait_for_text(page, words + "es")


@pytest.mark.slow
def test_a_shared_server_opens_no_paths(launched: BrowserContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    with server("shakespeare-char") as (url, _):
        page = open_page(launched, url)
        dialog(page)
        expect(page.get_by_text("it opens no paths of its own")).to_be_visible()
        assert page.get_by_role("textbox", name="Or a path").count() == 0
        put_away(page)
