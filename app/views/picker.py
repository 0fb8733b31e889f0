"""The model picker in the page's header."""

from __future__ import annotations

import streamlit as st

from app import state


def model_picker() -> None:
    """The models on offer, and one line on the one that is open."""
    me = state.explorer()
    with st.container(key="model", horizontal=True, vertical_alignment="center"):
        config, loss = me.arch.config, me.checkpoint.info.get("best_val_loss")
        known = [f"{me.arch.num_params() / 1e6:.1f} M parameters", f"context {config.block_size}"]
        st.caption(" · ".join([*known, f"validation loss {loss:.2f}"] if loss else known))
        state.set_widget("picked", state.loaded())
        st.selectbox(
            "model",
            state.sources(),
            key="picked",
            label_visibility="collapsed",
            on_change=state.pick,
            format_func=_name,
        )


def _name(picked: str) -> str:
    """A shipped model's name, or the end of a path."""
    return picked if len(picked) < 40 else f"…{picked[-38:]}"
