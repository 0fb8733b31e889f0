"""The words below a picture of all heads: how it was measured, that it knows nothing of changes; its code beside."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app import components
from app.session.explorer import Explorer

CHANGED: Final = "**Changes are on.** The picture and the card tell of the model as it is, without them."


def below(me: Explorer, said: str, code: str, key: str) -> None:
    """Draw them. The sentence on changes stands here: above the picture it would move all that one points at.

    Args:
        me: whose changes they are.
        said: how the picture was measured, as Markdown; "" where the picture tells that itself.
        code: the lines that make its numbers.
        key: key of the button.
    """
    left, right = st.columns([4.2, 1], vertical_alignment="top")
    told = " ".join(filter(None, [CHANGED if me.shown.without is not None else "", said]))
    if told:
        left.caption(told)
    with right:
        components.copy_code(code, key=key)
