"""The drawing of the page Sizes, and its reports, in Chromium without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext
from streamlit.testing.v1 import AppTest

from app.session.supposed_sizes import stops
from gptcore.graph.costs import parts, total
from tests.app.test_supposed_sizes import CHOICE, ODD, RUN, Page, _page
from tests.browser.bench import Bench, bench
from tests.browser.driver import chromium

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


@pytest.fixture
def drawn(launched: BrowserContext, untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench[Page]]:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(untrained)])
    page = Page(AppTest.from_function(_page, default_timeout=60))
    page.ask(CHOICE)
    with bench(launched, page) as found:
        yield found


def test_bars_on_the_map_are_shares_of_the_whole_model(drawn: Bench[Page]) -> None:
    whole = total(parts(ODD, RUN).values())
    for line in drawn.page.data("supposed_sizes")["lines"]:
        for name in ("params", "flops", "activations", "cache"):
            selector = f'.map tr[data-node="{line["id"]}"] [data-cost="{name}"]'
            (told,) = drawn.all(selector, "(cell) => cell.style.getPropertyValue('--share')")
            share = line[name] * (ODD.n_layer if line["copies"] > 1 else 1) / getattr(whole, name)
            assert float(told.rstrip("%")) == pytest.approx(100 * share, abs=0.006), (line["id"], name)


def test_bars_by_part_have_its_share_and_colour(drawn: Bench[Page]) -> None:
    found = parts(ODD, RUN)
    whole = total(found.values())
    for name in ("params", "flops", "activations", "cache"):
        script = "(piece) => [piece.dataset.part, Number(piece.style.flexGrow), piece.className]"
        pieces = drawn.all(f'[data-bar="supposed {name}"] i', script)
        assert [part for part, _, _ in pieces] == list(found)
        for part, share, _ in pieces:
            assert share == pytest.approx(getattr(found[part], name) / getattr(whole, name), rel=1e-4, abs=1e-6)
        assert len({colour for _, _, colour in pieces}) == 6


def test_each_change_tells_all_settings(drawn: Bench[Page]) -> None:
    full = {**vars(CHOICE), "T": CHOICE.block_size}
    drawn.page.report(**full)
    drawn.show()
    slider = drawn.tab.locator('input[type="range"][data-name="block_size"]')
    slider.focus()
    drawn.tab.keyboard.press("ArrowRight")
    told = drawn.reported("event")
    assert told["origin"] == drawn.page.data("supposed_sizes")["origin"] and told["measure"] is None
    assert {name: told[name] for name in full} == {**full, "block_size": 32, "T": 32}  # a full context stays one
    drawn.forget()
    drawn.tab.keyboard.press("ArrowRight")
    drawn.tab.wait_for_timeout(100)
    assert drawn.tab.evaluate("() => reports.length") == 0  # one request in flight; the newest waits
    drawn.page.app.session_state["supposed_sizes"] = {"event": told}
    drawn.page.app.run()
    drawn.show()
    assert drawn.reported("event")["block_size"] == 64


def test_a_number_that_is_none_is_marked_and_not_told(drawn: Bench[Page]) -> None:
    field = drawn.tab.locator('input[data-number="n_embd"]')
    for wrong in ("", "0", "1.5", "70000"):
        field.fill(wrong)
        assert field.get_attribute("data-wrong") is not None
    assert drawn.tab.evaluate("() => reports.length") == 0
    field.blur()
    assert (field.input_value(), field.get_attribute("data-wrong")) == ("21", None)
    assert int(drawn.tab.locator('input[type="range"][data-name="n_embd"]').get_attribute("max") or 0) == (
        len(stops(CHOICE, "n_embd")) - 1
    )
