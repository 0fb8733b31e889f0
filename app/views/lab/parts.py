"""The section What each part says: direct attribution of the most likely next token."""

from __future__ import annotations

import streamlit as st

from app.session.explorer import Explorer
from app.state import server
from gptcore import logit_attribution


def parts(me: Explorer) -> None:
    """Draw what each part of the model adds to the logit of the most likely next token."""
    run, position = me.shown.unchanged, me.position
    token = me.shown.likely(position, 1)[0]
    with server.turn():
        found = logit_attribution(run, token, position=position)
    st.caption(f"The logit of {me.shown.checkpoint.tokenizer.label(token)!r}: {found.total:.3f}, by part.")
    st.dataframe(
        [{"part": part.name, "head": part.head, "logit": part.value} for part in found.parts],
        hide_index=True,
    )
