"""This person's section Find a head: what is asked for, the text that was pasted, the last card and its form."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

TEXT: Final = "lab text"
"""The key of the box for a text."""
MOST_TEXT: Final = 20_000
"""Characters that the box takes; whoever sends more without a browser has the beginning read."""


def ask(name: str) -> None:
    """Have a measurement begun in this run."""
    st.session_state[f"lab ask {name}"] = True


def asked(name: str) -> bool:
    """Tell if a measurement is to be begun in this run."""
    return bool(st.session_state.get(f"lab ask {name}", False))


def take(name: str) -> bool:
    """Tell if a measurement is to be begun, once: whoever asks begins it."""
    return bool(st.session_state.pop(f"lab ask {name}", False))


def open_form(asked: int) -> None:
    """Open the form of changes in the card; `asked` is the number of the report that wants it, 0 closes it."""
    st.session_state["lab form"] = asked


def form() -> int:
    """Return the number of the report that has opened the form in the card; 0 while it is closed."""
    return int(st.session_state.get("lab form", 0))


def pasted() -> str:
    """Return the text that was pasted, as much as the box takes; "" where none was."""
    return str(st.session_state.get(TEXT) or "")[:MOST_TEXT]


def kept(key: object) -> Any:
    """Return the card that was kept under this very key; None where it is another."""
    there = st.session_state.get("lab card")
    return there[1] if there is not None and there[0] == key else None


def keep(key: object, card: object) -> None:
    """Keep a card; the one before it goes."""
    st.session_state["lab card"] = key, card
