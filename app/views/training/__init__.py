"""The Training page: curves of a training, a small training to start and watch, and a prompt as training sees it."""

from __future__ import annotations

import streamlit as st

from app.components import plotly_js
from app.state import lab, reports
from app.views.training.curves import curves
from app.views.training.prompt import prompt
from app.views.training.start import start

SECTIONS = {"Curves of a training": curves, "Train a small model": start, "This prompt, as training sees it": prompt}
NAMES = dict(zip(("curves", "start", "prompt"), SECTIONS, strict=True))
"""The title of each section by the name that a link carries, so that it is there again before a new server."""
KEY = "training section"


def training() -> None:
    """Draw the page: one of its sections at a time."""
    plotly_js()
    usual, *_ = NAMES
    chosen = NAMES.get(lab.get("training"), NAMES[usual])
    reports.set_widget(KEY, chosen)
    st.segmented_control(
        "Section",
        list(SECTIONS),
        required=True,
        key=KEY,
        label_visibility="collapsed",
        on_change=_chosen,
        args=(usual,),
    )
    SECTIONS[chosen]()


def _chosen(usual: str) -> None:
    picked = reports.widget(KEY)
    lab.choose("training", next((name for name, title in NAMES.items() if title == picked), usual), usual)
