"""The tabs of the source as Chromium draws them: their keys, their lines and links, and the difference between the two
attentions. As in test_drawn.py, on what the app sends of a lopsided model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, expect

from app.views import code as code_view
from gptcore import Trace
from gptcore.analysis import teaching_attention
from gptcore.analysis.parity import parity
from tests.app.sent import Page
from tests.browser.bench import Bench, bench
from tests.browser.driver import chromium, wait_until
from tests.lopsided import FITS, LONG, lopsided, run_of, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
Screen = Bench[Page]
MODEL = lopsided()
BLOCK = "transformer.h.2"
ENDS = "(node) => [Number(node.closest('[data-line]').dataset.line), node.textContent]"
LIT = "(node) => Number(node.dataset.line)"
TAUGHT = {
    "k = self.key(x)": ["attn.k"],
    "v = self.value(x)": ["attn.v"],
    "wei = q @ k.transpose(-2, -1)": ["attn.scores", "attn.k_t"],
    "wei = wei * k.size(-1) ** -0.5": ["attn.scaled"],
    "wei = wei.masked_fill(": ["attn.masked"],
    "wei = F.softmax(wei, dim=-1)": ["attn.pattern", "attn.attn_dropout"],
    "return wei @ v": ["attn.z", "attn.sdpa"],
    "out = torch.cat(": ["attn.concat"],
    "return self.c_proj(out)": ["attn.c_proj", "attn.resid_dropout", "attn"],
}
"""Lines of the teaching attention, and the tensors of block 2 that each makes, written down by hand."""


@pytest.fixture
def page(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 3 of layer 2, with the second tab of the source."""
    opened = Page(untrained, monkeypatch, LONG, (2, 3))
    opened.look("drawer", "code")
    opened.look("code", "teaching")
    return opened


@pytest.fixture
def screen(launched: BrowserContext, page: Page) -> Iterator[Screen]:
    with bench(launched, page) as opened:
        yield opened


def line_of(text: str) -> int:
    """The number of the one line of the teaching attention that holds a text."""
    source = Path(teaching_attention.__file__).read_text(encoding="utf-8").splitlines()
    (found,) = [number for number, line in enumerate(source, 1) if text in line]
    return found


def of_one_head(run: Trace, name: str) -> str:
    """Write the shape of a tensor as one head makes it."""
    axes, shape = run.shapes()[name]
    return f"({', '.join(str(size) for axis, size in zip(axes, shape, strict=True) if axis != 'H')})"


def test_each_line_of_the_second_tab_ends_with_the_shape_of_one_head(screen: Screen, trace: Trace) -> None:
    for run in (trace, run_of(MODEL, LONG[:4])):
        shapes = dict(screen.all(".live", ENDS))
        for text, names in TAUGHT.items():
            assert shapes[line_of(text)] == of_one_head(run, f"{BLOCK}.{names[0]}"), text
        assert shapes[line_of("tril = torch.tril(")] == f"({run.T}, {run.T})"
        assert line_of("T = x.size(1)") not in shapes
        screen.page.type(LONG[:4])
        screen.show()


def test_a_line_of_the_second_tab_and_its_tensor_light_each_other(launched: BrowserContext, page: Page) -> None:
    page.look("form", "diagram")
    with bench(launched, page) as screen:
        drawn = screen.all("g.node", "(node) => node.dataset.node")
        assert {f"{BLOCK}.attn.{short}" for short in ("k_t", "scores", "scaled", "masked", "pattern", "z")} <= set(
            drawn
        )
        for text, shorts in TAUGHT.items():
            names = [f"{BLOCK}.{short}" for short in shorts]
            line = screen.tab.locator(f'[data-line="{line_of(text)}"]')
            line.hover()
            lit = screen.all("g.node.lit", "(node) => node.dataset.node")
            assert sorted(lit) == sorted(set(names) & set(drawn)), text
            line.click()
            event = screen.reported("code")
            assert (event["kind"], event["id"]) == ("find", names[0])
        screen.tab.locator(f'g.node[data-node="{BLOCK}.attn.masked"]').hover()
        masks = [line_of("tril = torch.tril("), line_of("wei = wei.masked_fill(")]
        assert screen.all("[data-line].lit", LIT) == masks


def test_the_tabs_are_one_stop_of_the_tab_key_and_the_arrows_move(screen: Screen) -> None:
    tabs = screen.tab.get_by_role("tablist", name="Source").get_by_role("tab")
    names = ["model.py", "teaching attention", "loss", "generation"]
    assert tabs.all_text_contents() == names
    assert [tab.get_attribute("aria-selected") for tab in tabs.all()] == ["false", "true", "false", "false"]
    assert [tab.evaluate("(tab) => tab.tabIndex") for tab in tabs.all()] == [-1, 0, -1, -1]
    tabs.nth(1).focus()
    screen.tab.keyboard.press("ArrowRight")
    expect(tabs.nth(2)).to_be_focused()
    screen.tab.keyboard.press("Enter")
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("code", "loss")
    screen.page.look("code", "loss")
    screen.show()
    expect(tabs.nth(2)).to_have_attribute("aria-selected", "true")
    expect(tabs.nth(2)).to_be_focused()
    expect(screen.tab.get_by_role("tabpanel")).to_contain_text("windows[:, :-1], windows[:, 1:]")


def test_the_difference_is_the_one_that_was_measured_on_this_prompt(screen: Screen) -> None:
    told = screen.tab.locator("[data-role=parity]")
    measure = screen.tab.get_by_role("button", name="measure now")
    expect(told).to_have_text("not measured yet")
    screen.forget()
    measure.click()
    assert screen.reported("event")["text"] == LONG  # the badge's
    screen.page.report("parity_badge", state="parity_badge", text=LONG)
    screen.show()
    expect(told).to_have_text(f"{parity(MODEL, run_of(MODEL, LONG)):.1e} (rounding)")
    expect(measure).to_be_hidden()
    screen.page.type(FITS)
    screen.show()
    expect(told).to_have_text("not measured yet")
    screen.page.report("parity_badge", state="parity_badge", text=FITS)
    screen.show()
    expect(told).to_have_text(f"{parity(MODEL, run_of(MODEL, FITS)):.1e} (rounding)")


def test_a_measurement_that_is_not_told_is_asked_for_again(screen: Screen) -> None:
    screen.reported("event")  # when typing paused; its run is stopped, say, by a click on another panel
    wait_until(screen.tab, "() => reports.filter(([field]) => field === 'event').length > 1")


def test_a_tensor_that_is_made_elsewhere_has_a_button_that_leads_there(screen: Screen) -> None:
    there = screen.tab.get_by_role("button", name="made in model.py")
    expect(there).to_be_hidden()
    screen.page.select(f"{BLOCK}.mlp.gelu")
    screen.show()
    assert screen.all(".line.marked", LIT) == []
    expect(there).to_be_visible()
    there.click()
    event = screen.reported("look")
    assert (event["name"], event["word"]) == ("code", "model")
    screen.page.look("code", "model")
    screen.show()
    expect(there).to_be_hidden()
    marked = screen.tab.locator(".line.marked")
    expect(marked).to_contain_text("x = self.gelu(x)")
    assert screen.tab.locator(screen.panel("code")).get_attribute("data-first") == marked.get_attribute("data-line")


@pytest.mark.parametrize("tab", ["loss", "generation"])
def test_each_fact_stands_at_the_end_of_its_line(screen: Screen, tab: str) -> None:
    screen.page.look("code", tab)
    screen.show()
    sent = screen.page.code()
    lines = f"{screen.panel('code')} .line"
    shown = screen.all(lines, "(row) => [row.dataset.row, row.querySelector('.live')?.textContent ?? '']")
    told = {int(row): text for row, text in shown if text}
    wanted = {line["last"]: sent["facts"][line["fact"]] for line in screen.page.told() if line["fact"]}
    assert {row: told[row] for row in wanted} == wanted
    first = {"loss": "loss", "generation": "crop"}[tab]
    expect(screen.tab.locator(".words .first")).to_have_text(f"this prompt: {sent['facts'][first]}")
    parts = screen.all(".part", "(part) => part.textContent")
    files = list(dict.fromkeys(file for file, _, _ in screen.page.listed()))
    assert list(dict.fromkeys(part.partition(" · ")[0] for part in parts)) == files
    numbers = [number for _, number, _ in screen.page.listed()]
    assert screen.all(lines, LIT) == numbers


def test_what_waits_is_asked_for_when_typing_pauses(
    launched: BrowserContext, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_view, "QUICK", 0.0)
    page.look("code", "loss")
    with bench(launched, page) as screen:
        event = screen.reported("code")
        assert (event["kind"], event["text"]) == ("measure", LONG)
        screen.page.report("code", kind="measure", text=LONG)
        screen.show()
        screen.tab.get_by_text("nats").last.wait_for()
        screen.forget()
        screen.show()
        screen.tab.wait_for_timeout(900)
        assert screen.tab.evaluate("() => reports.every(([field]) => field !== 'code')")


def test_nothing_of_the_prompt_is_told_by_a_closed_drawer(screen: Screen) -> None:
    panel = screen.tab.locator(screen.panel("code"))
    assert panel.get_attribute("data-text") == LONG
    screen.page.look("drawer", "closed")
    screen.show()
    expect(panel).to_be_hidden()
    assert panel.get_attribute("data-text") is None


def test_weights_that_give_other_logits_are_told_in_words(
    launched: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(write_folder(tmp_path / "model", MODEL), monkeypatch, FITS)
    page.code()
    monkeypatch.setattr("app.session.prompt_run.parity", lambda model, trace: 0.25)
    page.report("parity_badge", state="parity_badge", text=FITS)
    with bench(launched, page) as screen:
        expect(screen.tab.locator("[data-role=parity]")).to_have_text("2.5e-01 (more than rounding)")
