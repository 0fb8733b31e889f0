"""The section Find a head: all heads with their scores."""

from __future__ import annotations

import streamlit as st

from app.session.explorer import Explorer
from app.state import server
from gptcore.analysis import head_scores


def heads(me: Explorer) -> None:
    """Draw the scores of all heads on the probe."""
    with server.turn():
        scores = head_scores(me.checkpoint.model)
    config = me.arch.config
    st.caption("Scores on the probe: random tokens that are repeated once.")
    st.dataframe(
        [
            {"head": f"{layer}.{head}"} | {kind: float(found[layer, head]) for kind, found in scores.items()}
            for layer in range(config.n_layer)
            for head in range(config.n_head)
        ],
        hide_index=True,
    )
