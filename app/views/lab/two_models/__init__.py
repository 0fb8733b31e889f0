"""The section Two models: the weights on the screen beside those of another step of their training."""

from __future__ import annotations

import streamlit as st

from app.session.explorer import Explorer


def two_models(me: Explorer) -> None:
    """Draw which weights can be compared."""
    st.caption(f"Snapshots of the training of {me.source}: {len(me.history.snapshots)}.")
