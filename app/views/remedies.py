"""Remedies for a model that could not be loaded: a control for each remedy that its error names, by type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from app.state import server
from app.stores.models import Wanted
from app.views.markdown import escaped
from gptcore import ConfigError, GPTConfig, shipped_models
from gptcore.checkpoint import HeadsUnknownError, OnTheHubError, OpenInsteadError, VocabularyError

MOST_HEADS, MOST_PLACES = 256, 6


def remedies(wanted: Wanted, error: Exception, open_model: Callable[[Wanted], None]) -> None:
    """Offer to open the model in another way, as far as its error tells one."""
    if isinstance(error, HeadsUnknownError):
        _heads(wanted, error, open_model)
    elif isinstance(error, VocabularyError) and wanted.words:
        if st.button("Open it without words, as plain ids"):
            open_model(replace(wanted, words=False))
    elif isinstance(error, OpenInsteadError):
        where = " from the hub" if isinstance(error, OnTheHubError) else ""
        allowed = [place for place in error.instead if place in shipped_models() or not server.shared()]
        for place in allowed[:MOST_PLACES]:
            if st.button(f"Open {escaped(place)}{where}", key=f"instead {place}"):
                open_model(Wanted(place))


def _heads(wanted: Wanted, error: HeadsUnknownError, open_model: Callable[[Wanted], None]) -> None:
    width = error.known["n_embd"]
    choices = [heads for heads in range(1, min(width, MOST_HEADS) + 1) if width % heads == 0]
    heads = st.selectbox("How many heads does each layer have?", choices, index=None, placeholder="n_head")
    if heads and st.button("Open it with these heads", type="primary"):
        try:
            config = GPTConfig(**error.known, n_head=heads)
        except ConfigError as wrong:
            st.text(str(wrong))
            return
        open_model(replace(wanted, config=config))
