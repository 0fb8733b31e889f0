"""A line that says when the connection is lost; it asks for a run of the whole page when that is back."""

from __future__ import annotations

from typing import Any, TypedDict

from app.components._assets import register

_RECONNECT = register("reconnect")


class ReconnectEvent(TypedDict):
    """The page's wish to be brought back, with all that a server needs that has never seen it."""

    about: str
    """The session and the model of the numbers on the page (`explore_panels`)."""
    state: str
    """The state text of those numbers, as the server sent it last."""
    text: str | None
    """The text in the box; None on a page without one."""
    seq: int


def reconnect(*, key: str) -> object:
    """Mount the line, outside all fragments: a fragment's run is no use to a session that never saw the fragment.

    Returns:
        The last `ReconnectEvent` of the page, handled or not: in the first run of a session nothing else is known of
        the page before. None before the first one.
    """
    found: Any = _RECONNECT(key=key, data={})
    return found.get("event")
