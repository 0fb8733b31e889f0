"""A section of the page Lab without a browser: reports of its grids go in, and what the grids would draw comes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session.actions import Type
from app.session.explorer import Explorer
from tests.app.sent import Sent, decoded


class Lab(Sent):
    """A section, with a prompt."""

    def __init__(
        self, source: Path | str, monkeypatch: pytest.MonkeyPatch, page: Callable[[], None], text: str, **choices: str
    ) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", str(source)])
        self.left: list[object] = []
        monkeypatch.setattr("streamlit.switch_page", self.left.append)
        app = AppTest.from_function(page, default_timeout=60)
        app.session_state["lab"] = dict(choices)
        super().__init__(app.run())
        assert not app.exception
        if text and self.me.shown.text != text:
            self.me.apply(Type(text))
            self.app.run()
        self._seq = 0

    @property
    def me(self) -> Explorer:
        """The explorer that the page tells of."""
        explorer: Explorer = self.app.session_state["explorer"]
        return explorer

    @property
    def choices(self) -> dict[str, str]:
        """The choices that a link would carry."""
        found: dict[str, str] = self.app.session_state["lab"]
        return found

    def sent(self, key: str) -> dict[str, Any]:
        """Return what the component of this key was sent; an analysis that is on its way is waited for."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert not self.app.exception
            for element in self.app.get("bidi_component"):
                if element.proto.id.endswith(f"-{key}"):
                    return decoded(element.proto)
            time.sleep(0.2)
            self.app.run()
        raise AssertionError(f"there is no component {key!r}")

    def grid(self, key: str, name: str) -> dict[str, Any]:
        """Return one of its grids."""
        (found,) = [grid for grid in self.sent(key)["grids"] if grid["id"] == name]
        grid: dict[str, Any] = found
        return grid

    def report(self, key: str, /, **event: Any) -> None:
        """Report as the component would."""
        self._seq += 1
        origin = self.sent(key)["origin"]
        self.app.session_state[key] = {"event": {"origin": origin, **event, "seq": self._seq}}
        self.app.run()
        assert not self.app.exception

    def words(self) -> str:
        """Return all that stands on the page beside the components."""
        parts = (*self.app.markdown, *self.app.caption, *self.app.info, *self.app.warning, *self.app.text)
        return "\n".join(str(part.value) for part in parts)


def values(grid: dict[str, Any]) -> np.ndarray:
    """Return the numbers of a grid, (rows, columns)."""
    return np.array([[float(value) for value in row] for row in grid["values"]])


def marked(grid: dict[str, Any], word: str) -> set[tuple[int, int]]:
    """Return the cells with a mark."""
    return {(mark["row"], mark["col"]) for mark in grid["marks"] if mark["word"] == word}


def executed(code: str, **given: Any) -> Any:
    """Return what the copied code leaves in `found`; it has at most five lines."""
    assert len(code.splitlines()) <= 5, code
    names = dict(given)
    exec(code, names)  # what a person would run
    return names["found"]
