"""The section Two prompts: the prompt on the screen beside another one."""

from __future__ import annotations

import streamlit as st

from app.session.explorer import Explorer
from app.state import lab


def two_prompts(me: Explorer) -> None:
    """Draw both prompts, token by token."""
    other = st.text_input("Another prompt", value=lab.get("other", me.shown.text), max_chars=2000)
    lab.choose("other", other, me.shown.text)
    tokenizer = me.shown.checkpoint.tokenizer
    st.dataframe([{"this": me.shown.tokens}, {"this": [tokenizer.label(token) for token in tokenizer.encode(other)]}])
