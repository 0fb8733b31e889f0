"""The section Find a head: all heads as points, as a table or by what is remarkable, and the card of one beside."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app.session.explorer import Explorer
from app.state import lab, reports
from app.views.lab.heads import card, choices, finder, scan
from app.views.lab.heads.choices import VIEWS, chosen_head

HEIGHT: Final = 430
"""Pixels of the plot at least; a higher window has a higher one."""


def heads(me: Explorer) -> None:
    """Draw the section."""
    finder.hear(me)
    scan.hear(me)
    card.hear(me)
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. This page tells of the model as it is, without them.")
    with st.container(key="lab heads"):
        left, right = st.columns([1, 1.06], gap="small")
        with left:
            view = _view()
            if view == "scan":
                scan.scan(me)
            else:
                finder.finder(me, view, HEIGHT)
        with right:
            card.card(me, *chosen_head(me))


def _view() -> str:
    reports.set_widget("lab view", name := choices.view())  # a link may have brought another one
    with st.container(horizontal=True, vertical_alignment="center", key="lab views"):
        st.segmented_control(
            "Form",
            list(VIEWS),
            format_func=lambda name: VIEWS[name],
            required=True,
            key="lab view",
            label_visibility="collapsed",
            on_change=lambda: lab.choose("view", str(reports.widget("lab view")), next(iter(VIEWS))),
        )
        if name != "scan":
            finder.basis()
    return name
