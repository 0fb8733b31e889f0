"""All pages at once, without a browser, and all that they send: for what must hold wherever a text may appear."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.sent import decoded


def pages() -> None:
    """Draw the header, each page, the dialog and the way to the address, as the frame does one after the other."""
    from app import components
    from app.components import runtime
    from app.state import opening, person, returning
    from app.state.origin import origin
    from app.views.explore import explore
    from app.views.in_words import words
    from app.views.lab import SECTIONS
    from app.views.model_card import card
    from app.views.picker import _choose, model_header
    from app.views.remedies import remedies
    from app.views.supposed_sizes import supposed_sizes
    from app.views.training.curves import curves
    from app.views.training.prompt import prompt
    from app.views.training.start import start

    runtime(drop=".st-key-choose button")
    returning.follow(components.reconnect(key="reconnect"))
    if not opening.ready(remedies):
        return
    model_header(typed=True)
    for page in (explore, words, supposed_sizes, card, curves, start, prompt):
        page()
    for _, part in SECTIONS.values():
        part(person.explorer())
    components.address(key="address", origin=origin(), state=returning.here(), ack=0, note=returning.note())
    _choose()


def opened(monkeypatch: pytest.MonkeyPatch, source: object = None) -> AppTest:
    """Open all pages with the model that the command line names."""
    monkeypatch.setattr("sys.argv", ["app/main.py", *([str(source)] if source else [])])
    return AppTest.from_function(pages, default_timeout=60).run()


def everything(at: AppTest) -> str:
    """Return all that is sent to the browser as one text."""
    return "\n".join(_text(node) for node in at._tree)


def _text(node: Any) -> str:
    proto = getattr(node, "proto", None)
    if getattr(node, "type", "") == "bidi_component":
        return json.dumps(decoded(proto), ensure_ascii=False, default=str)
    return str(proto) + "".join(f"\n{value}" for value in _values(proto))


def _values(proto: Any) -> list[str]:
    """Return the texts of a message as they are: printed, it writes some letters in octal."""
    found: list[str] = []
    for _, value in proto.ListFields() if hasattr(proto, "ListFields") else ():
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, bytes):
            found.append(value.decode("utf-8", "replace"))  # a table's cells
        elif hasattr(value, "ListFields"):
            found += _values(value)
        elif hasattr(value, "__iter__") and not hasattr(value, "items"):
            found += [
                text for each in value for text in (_values(each) if hasattr(each, "ListFields") else [str(each)])
            ]
    return found
