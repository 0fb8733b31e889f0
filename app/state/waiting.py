"""The words for a person who waits while others compute. A newer key ends the waiting for an older one."""

from __future__ import annotations

import time

import streamlit as st

from app.stores.turns import Wait

LONG, AGAIN = 1.5, 20.0
"""Seconds of waiting after which a person is told why, and until the same person is told again."""
MUCH = 0.5
"""The share of the computing time that is much for one of several persons."""
_TOLD = "told of waiting"


def tell(wait: Wait) -> None:
    """Tell why this person waits, once it is long; the session's state ends this run where a newer one is wanted."""
    last = float(st.session_state.get(_TOLD, -AGAIN))
    if wait.seconds > LONG and time.monotonic() - last > AGAIN:
        st.session_state[_TOLD] = time.monotonic()
        st.toast(sentence(wait), icon=":material/hourglass_top:")


def sentence(wait: Wait) -> str:
    """Return why a person waits.

    >>> sentence(Wait(seconds=2.0, ahead=1, own=0.0))
    'Waiting for a turn: 1 other computes before you.'
    >>> sentence(Wait(seconds=2.0, ahead=3, own=0.8))
    'Waiting for a turn: 3 others compute before you. This server has computed most for you lately, so others go first.'
    """
    others = "1 other computes" if wait.ahead == 1 else f"{max(wait.ahead, 1)} others compute"
    why = " This server has computed most for you lately, so others go first." if wait.own > MUCH else ""
    return f"Waiting for a turn: {others} before you.{why}"
