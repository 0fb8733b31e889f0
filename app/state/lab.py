"""The choices of this person on the page Lab, by name; a link carries them."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

import streamlit as st

_KEY: Final = "lab"
MOST: Final = 40
"""Choices that are kept; a link with more is cut."""
LONGEST: Final = 4000
"""Characters of one: Python reads no number of more than 4,300 digits."""


def get(name: str, usual: str = "") -> str:
    """Return a choice; `usual` where none was made. It may come from a link, so whoever asks checks it."""
    return _choices().get(name, usual)


def choose(name: str, value: str, usual: str = "") -> None:
    """Keep a choice; the usual one is not kept, so that links stay short."""
    choices = _choices()
    if value == usual:
        choices.pop(name, None)
    else:
        choices[name] = value


def text() -> str:
    """Return the choices as a text for the address; "" where all is as usual."""
    return urlencode(sorted(_choices().items()))


def follow(told: str) -> None:
    """Take the choices of an address."""
    if told != text():
        st.session_state[_KEY] = {name: value[:LONGEST] for name, value in parse_qsl(told[:8192])[:MOST]}


def _choices() -> dict[str, str]:
    found: dict[str, str] = st.session_state.setdefault(_KEY, {})
    return found
