"""A file of Python source with a range of highlighted lines; `listing` sends the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from app.components._assets import deliver, length
from app.components.live import Panel

deliver("code")


class CodeEvent(TypedDict):
    """The state of `live` after a click; act once per `seq`."""

    kind: Literal["find"]
    id: str
    """The tensor that the line makes."""
    seq: int


def code(
    *,
    name: str,
    first: int,
    last: int,
    title: str = "",
    summary: str = "",
    formula: str = "",
    formula_key: str = "",
    lines_key: str = "",
    layer: int = 0,
    sizes: Mapping[str, int] | None = None,
    open: bool = True,
    height: int | str = 180,
) -> Panel:
    """Return the source as a panel; a click on a line that makes a tensor becomes a `CodeEvent`.

    Args:
        name: name of the listing.
        first: first highlighted line, from 1.
        last: last highlighted line.
        title: heading, such as "gptcore/model.py · lines 61-64".
        summary: a sentence on what they make.
        formula: LaTeX, for screen readers.
        formula_key: name of the formula's picture, an SVG that `live` keeps.
        lines_key: name of the list of the lines that make tensors, JSON that `live` keeps (panels/code_lines.py).
        layer: the block that they are told of.
        sizes: the size of each axis in this run.
        open: False to take no room.
        height: pixels or any CSS length; the source scrolls inside.
    """
    data = {
        "name": name,
        "first": first,
        "last": last,
        "title": title,
        "summary": summary,
        "formula": formula,
        "formula_key": formula_key,
        "lines_key": lines_key,
        "layer": layer,
        "sizes": dict(sizes or {}),
        "open": open,
        "height": length(height),
    }
    return Panel("code", data)
