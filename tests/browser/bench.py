"""Components on a page of their own in Chromium, without a server: what the app sent goes in, drawings and reports
come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

import app.components
from app.theme import SEQUENTIAL
from tests.app.sent import Sent
from tests.browser.driver import DEEP_QUERY, wait_until

Shown = TypeVar("Shown", bound=Sent)
SOURCES = Path(app.components.__file__).parent
PLACE = "http://bench.test/"
LOOK = """<!doctype html><meta charset="utf-8"><style>:root {
  --st-text-color: #31333f; --st-background-color: #ffffff; --st-font: sans-serif; --st-code-font: monospace;
}</style><style>@page.css</style><body data-testid="stMainBlockContainer"></body>"""
ORDER = ("training_curves", "parity_badge", "losses", "supposed_sizes", "in_words", "explore_panels")
"""Components that are drawn: first those that bring what others show."""


class Bench(Generic[Shown]):
    """The tab; `show` brings it to what a page of the app was sent last."""

    def __init__(self, tab: Tab, page: Shown) -> None:
        self.tab, self.page = tab, page
        tab.goto(PLACE)
        script = (SOURCES / "runtime" / "runtime.js").read_text(encoding="utf-8")
        tab.evaluate("([script, data]) => start(script, data)", [script, page.data("runtime")])
        self.show()

    def show(self) -> None:
        """Draws what the app sent last."""
        there = self.page.names()
        for name in (name for name in ORDER if name in there):
            self.draw(name, self.page.data(name))

    def draw(self, name: str, data: dict[str, Any]) -> None:
        """Draws one component anew."""
        plain = {
            key: {"dtype": value.dtype.name, "values": value.tolist()} if isinstance(value, np.ndarray) else value
            for key, value in data.items()
        }
        self.tab.evaluate("([name, data]) => show(name, data)", [name, plain])

    def panel(self, name: str) -> str:
        """The selector of a panel."""
        return f'[data-panel="{name}"]'

    def all(self, selector: str, script: str) -> list[Any]:
        """Return what a script tells of each element that is found."""
        found: list[Any] = self.tab.locator(selector).evaluate_all(f"all => all.map({script})")
        return found

    def drawn(self, method: str, panel: str, canvas: str = "") -> list[dict[str, Any]]:
        """The calls of a method by which what is on a panel's canvas of this class was drawn."""
        found: list[dict[str, Any]] = self.tab.evaluate("(method) => drawn(method)", method)
        return [call for call in found if (call["panel"], call["canvas"]) == (panel, canvas)]

    def reported(self, name: str) -> dict[str, Any]:
        """Return what a panel, or a component, said last."""
        wait_until(self.tab, "(name) => reports.some(([field]) => field === name)", arg=name)
        found: list[Any] = self.tab.evaluate("(name) => reports.filter(([field]) => field === name).at(-1)", name)
        event: dict[str, Any] = found[1]
        return event

    def is_quiet(self) -> bool:
        """True if no panel reports anything for longer than one waits before it asks for something.

        The badge does not count: it is a component by itself, and measures when typing rests.
        """
        self.forget()
        self.tab.wait_for_timeout(200)
        quiet: bool = self.tab.evaluate("() => reports.every(([field]) => field === 'event')")
        return quiet

    def forget(self) -> None:
        """Drops what was reported so far."""
        self.tab.evaluate("() => { window.reports = []; }")

    def colours(self, selector: str, places: Sequence[tuple[float, float]]) -> np.ndarray:
        """Colours of a canvas, (places, 3)."""
        script = "(canvas, places) => colours(canvas, places)"
        return np.array(self.tab.locator(selector).evaluate(script, [list(map(float, place)) for place in places]))


_FREE: list[Tab] = []
"""Tabs of benches that are not in use."""


def _tab(browser: BrowserContext) -> Tab:
    """A tab in which there was a bench before, or a new one."""
    for tab in _FREE:
        if tab.context == browser:
            _FREE.remove(tab)
            tab.bring_to_front()  # see tests/browser/driver.py
            return tab
    tab = browser.new_page()
    look = LOOK.replace("@page.css", (SOURCES.parent / "page.css").read_text(encoding="utf-8"))
    tab.route(f"{PLACE}**", lambda route: route.fulfill(body=look, content_type="text/html"))
    tab.add_init_script(DEEP_QUERY)
    tab.add_init_script(path=Path(__file__).with_name("bench.js"))
    return tab


@contextmanager
def bench(browser: BrowserContext, page: Shown) -> Iterator[Bench[Shown]]:
    """A bench for as long as it is used; its tab is kept for others, but not if its test has failed."""
    tab = _tab(browser)
    tab.set_viewport_size({"width": 1440, "height": 900})
    try:
        yield Bench(tab, page)
    except BaseException:
        tab.close()
        raise
    tab.goto("about:blank")
    tab.mouse.move(0, 0)
    _FREE.append(tab)


def on_ramp(stops: Sequence[str], share: np.ndarray) -> np.ndarray:
    """The colours of a ramp, (..., 3), at shares of its length from 0 to 1."""
    channels = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], float)  # (stops, 3)
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(share, places, channel) for channel in channels.T], axis=-1)


def on_root_ramp(stops: Sequence[str], share: np.ndarray) -> np.ndarray:
    """The colours of the strips: of a diverging ramp at the root of a number's size."""
    side = 2 * np.asarray(share) - 1
    return on_ramp(stops, 0.5 + 0.5 * np.sign(side) * np.sqrt(np.abs(side)))


def of_weight(weight: np.ndarray) -> np.ndarray:
    """The colour of a weight of attention: the ramp at its square root."""
    return on_ramp(SEQUENTIAL.light, np.sqrt(weight))
