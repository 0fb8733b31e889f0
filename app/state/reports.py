"""What the browser reported to this person's session, each report handled once; what its native widgets hold."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st


def last(key: str) -> dict[str, Any] | None:
    """What a panel or a component last reported, handled or not."""
    panels = st.session_state.get("live") or {}
    found = panels.get(key) or (st.session_state.get(key) or {}).get("event")
    return cast("dict[str, Any] | None", found)


def new(key: str) -> dict[str, Any] | None:
    """What a panel or a component reported and nobody has handled yet; handing it out counts as handled."""
    found = last(key)
    if found is None or _handled().get(key) == found["seq"]:
        return None
    _handled()[key] = found["seq"]
    return found


def first_time(key: str, seq: int) -> bool:
    """Whether this sequence number is new under this key; asking counts as handled."""
    if _handled().get(key) == seq:
        return False
    _handled()[key] = seq
    return True


def seq(key: str) -> int:
    """The number to acknowledge."""
    found = last(key)
    return int(found["seq"]) if found else 0


def _handled() -> dict[str, int]:
    return cast(dict[str, int], st.session_state.setdefault("handled", {}))


def set_widget(key: str, value: object) -> None:
    """What a native widget shows; only before it is drawn."""
    st.session_state[key] = value


def widget(key: str) -> Any:
    """What a native widget holds."""
    return st.session_state.get(key)


def taken(key: str) -> str:
    """A sentence that was left to be told once; asking for it takes it away."""
    return str(st.session_state.pop(key, ""))


def dark() -> bool:
    """Whether the page is drawn in the dark theme."""
    return st.context.theme.type == "dark"
