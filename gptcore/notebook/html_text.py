"""HTML that is safe by construction: text becomes markup only through `element`, which escapes it. No scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

FOLDABLE_STYLE = "cursor:pointer"
CELL = "text-align:left;vertical-align:top"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | int) -> Html:
    """Return an element. Children that are no `Html`, and all values of attributes, are escaped.

    >>> element("b", "1 < 2", element("br"), title='"')
    '<b title="&quot;">1 &lt; 2<br></b>'
    """
    said = "".join(f' {name}="{html.escape(str(value))}"' for name, value in attributes.items())
    if tag in ("br", "img"):
        return Html(f"<{tag}{said}>")
    return Html(f"<{tag}{said}>{joined(children)}</{tag}>")


def joined(parts: Iterable[str]) -> Html:
    """Return parts one after the other, those that are no `Html` escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table with a line of titles, of texts or `Html`."""
    head = element("tr", *(element("th", title, style=CELL) for title in header))
    body = joined(element("tr", *(element("td", cell, style=CELL) for cell in row)) for row in rows)
    return element("table", element("thead", head), element("tbody", body))


def folded(title: str, *children: str) -> Html:
    """Return parts that a click on their title opens, without a script."""
    return element("details", element("summary", title, style=FOLDABLE_STYLE), *children)


def card(title: str, *children: str) -> Html:
    """Return everything about one value under its title."""
    return element("div", element("div", element("b", title)), *children)
