"""A file of Python source with a range of highlighted lines; `listing` sends the text."""

from __future__ import annotations

from app.components._assets import deliver, length
from app.components.live import Panel

deliver("code")


def code(*, name: str, first: int, last: int, title: str = "", height: int | str = 180) -> Panel:
    """Return the source as a panel. It does not depend on the prompt.

    Args:
        name: name of the listing.
        first: first highlighted line, from 1.
        last: last highlighted line.
        title: heading, such as "gptcore/model.py · lines 61-64".
        height: pixels or any CSS length; the source scrolls inside.
    """
    data = {"name": name, "first": first, "last": last, "title": title, "height": length(height)}
    return Panel("code", data)
