"""The origin of what a page shows: the session that drew it, and the model that this had opened.

A page can outlive its session: Streamlit forgets one that was away for two minutes, and a server that is started again
knows none. What such a page reports is about something else than what its new session shows.
"""

from __future__ import annotations

import secrets

import streamlit as st


def session() -> str:
    """Return the name of this session, which no other session of any server has."""
    return str(st.session_state.setdefault("session", secrets.token_hex(6)))


def origin() -> str:
    """Return the session and the number of the model that it has opened.

    A report from another origin is about another screen.
    """
    return f"{session()}.{st.session_state.get('openings', 0)}"


def session_of(told: object) -> str:
    """Return the session's part of an origin.

    >>> session_of("f00d.2"), session_of(None)
    ('f00d', '')
    """
    return told.partition(".")[0] if isinstance(told, str) else ""


def renew() -> None:
    """Count another model that was opened."""
    st.session_state["openings"] = st.session_state.get("openings", 0) + 1
