"""About the model: its card, its loss curve, its sizes and what was said when it was loaded."""

from __future__ import annotations

import csv
from pathlib import Path

import streamlit as st

from app import figures, state


def card() -> None:
    """The page."""
    me = state.explorer()
    info, config = me.checkpoint.info, me.checkpoint.config
    folder = Path(str(info.get("source", "")))
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        if (text := folder / "README.md").is_file():
            st.markdown(text.read_text(encoding="utf-8"))
        else:
            st.subheader("This checkpoint has no model card")
            st.text(str(folder))
    with right:
        columns = st.columns(3)
        columns[0].metric("parameters", f"{me.arch.num_params():,}")
        columns[1].metric("layers × heads", f"{config.n_layer} × {config.n_head}")
        columns[2].metric("context", f"{config.block_size}")
        if (curve := folder / "loss.csv").is_file():
            with curve.open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            columns_of = {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
            st.plotly_chart(figures.loss_curve(columns_of, dark=state.dark()), width="stretch")
        for notice in info.get("notices", []):
            st.text(notice)
