"""The browser's reports to this person's session, each handled once, and the values of its native widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import streamlit as st

from app.state.origin import origin


def last(key: str) -> dict[str, Any] | None:
    """Return the last report of a panel or a component, handled or not; None where it has no number.

    None also for one about another screen: Streamlit hands a new session all that the page before had reported.
    """
    return _of_here(_of_panels().get(key) or _dict(st.session_state.get(key)).get("event"))


def new_of_explore(panels: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield each panel of the screen and its report that was not handled yet, as `new`; they are read once."""
    reported = _of_panels()
    for panel in panels:
        yield panel, _new(panel, _of_here(reported.get(panel)))


def _of_panels() -> dict[str, Any]:
    return _dict(st.session_state.get("explore_panels"))


def _of_here(reported: object) -> dict[str, Any] | None:
    """Return a report that has a number and is about this screen, else None."""
    found = _dict(reported)
    if type(found.get("seq")) is not int or found.get("origin", origin()) != origin():
        return None
    return found


def heard() -> int:
    """Return the number of the newest report of all panels, whatever became of it: the page hears that it has come."""
    reported = (_dict(part).get("seq") for part in _of_panels().values())
    return max((seq for seq in reported if type(seq) is int), default=0)


def first_time(key: str, event: object) -> bool:
    """Return True if an event that a component has handed out is new; asking counts as handled."""
    seq = _dict(event).get("seq")
    return type(seq) is int and _first_time(key, seq)


def new(key: str) -> dict[str, Any] | None:
    """Return a report that was not handled yet; handing it out counts as handled.

    A report may hold another one with a number of its own, which stays there once it was handled: it is left out then.
    """
    return _new(key, last(key))


def _new(key: str, found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None or not _first_time(key, found["seq"]):
        return None
    inner = {name: part["seq"] for name, part in found.items() if type(_dict(part).get("seq")) is int}
    done = {name for name, number in inner.items() if not _first_time(f"{key}.{name}", number)}
    return {name: part for name, part in found.items() if name not in done}


def _dict(reported: object) -> dict[str, Any]:
    return reported if isinstance(reported, dict) else {}


def _first_time(key: str, seq: int) -> bool:
    """Return True if this sequence number is new under this key; asking counts as handled."""
    if _handled().get(key) == seq:
        return False
    _handled()[key] = seq
    return True


def seq(key: str) -> int:
    """Return the number to acknowledge."""
    found = last(key)
    return found["seq"] if found else 0


def kept() -> set[str]:
    """Return the names of the texts that the page keeps, so that they need not be sent again."""
    names = _of_panels().get("kept")
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _handled() -> dict[str, int]:
    return cast(dict[str, int], st.session_state.setdefault("handled", {}))


def set_widget(key: str, value: object) -> None:
    """Set the value of a native widget, before it is drawn."""
    st.session_state[key] = value


def widget(key: str) -> Any:
    """Return the value of a native widget."""
    return st.session_state.get(key)


def taken(key: str) -> str:
    """Take a sentence that was left to be told once."""
    return str(st.session_state.pop(key, ""))


def dark() -> bool:
    """Return True if the page is drawn in the dark theme."""
    return st.context.theme.type == "dark"
