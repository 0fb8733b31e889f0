"""A file of Python source with a range of highlighted lines; `listing` sends the text."""

from __future__ import annotations

from app.components._assets import deliver, length
from app.components.live import Panel

deliver("code")


def code(
    *,
    name: str,
    first: int,
    last: int,
    title: str = "",
    summary: str = "",
    formula: str = "",
    formula_key: str = "",
    open: bool = True,
    height: int | str = 180,
) -> Panel:
    """Return the source as a panel. It does not depend on the prompt.

    Args:
        name: name of the listing.
        first: first highlighted line, from 1.
        last: last highlighted line.
        title: heading, such as "gptcore/model.py · lines 61-64".
        summary: a sentence on what they make.
        formula: LaTeX, for screen readers.
        formula_key: name of the formula's picture, an SVG that `live` keeps.
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
        "open": open,
        "height": length(height),
    }
    return Panel("code", data)
