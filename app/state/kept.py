"""Keeping what one run of the page has computed for the next, in one person's session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

Made = TypeVar("Made")


def kept(slot: str, key: tuple[object, ...], make: Callable[[Any], Made]) -> Made:
    """Return what `make` gives; call it again only when the key is another, with what it gave before, or None."""
    name = f"kept {slot}"
    found = st.session_state.get(name)
    if found is None or found[0] != key:
        found = (key, make(found[1] if found else None))
        st.session_state[name] = found
    made: Made = found[1]
    return made
