"""The Training page: curves of a training, a small training to start and watch, and a prompt as training sees it."""

from __future__ import annotations

import streamlit as st

from app.components import plotly_js
from app.views.training.curves import curves
from app.views.training.prompt import prompt
from app.views.training.start import start

SECTIONS = {"Curves of a training": curves, "Train a small model": start, "This prompt, as training sees it": prompt}


def training() -> None:
    """Draw the page: one of its sections at a time."""
    plotly_js()
    chosen = st.segmented_control(
        "Section",
        list(SECTIONS),
        default=next(iter(SECTIONS)),
        required=True,
        key="training section",
        label_visibility="collapsed",
        persist_state="session",
    )
    SECTIONS[chosen or next(iter(SECTIONS))]()
