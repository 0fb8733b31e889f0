"""A file of Python source with a range of lines highlighted; `listing` has brought the text."""

from __future__ import annotations

from app.components._assets import check_payload, length, register

_CODE = register("code")


def code(*, key: str, name: str, first: int, last: int, title: str = "", height: int | str = 180) -> None:
    """Mount the source. It depends on no prompt.

    Args:
        key: of the component.
        name: the listing's.
        first: first highlighted line, from 1.
        last: last highlighted line.
        title: such as "gptcore/model.py · lines 61-64".
        height: in pixels or any CSS length; the source scrolls inside.
    """
    data = {"name": name, "first": first, "last": last, "title": title, "height": length(height)}
    _CODE(key=key, data=check_payload(data))
