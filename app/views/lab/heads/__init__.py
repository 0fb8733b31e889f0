"""The section Find a head: all heads as points, as a table or by what is remarkable, and the card of one beside."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app.session.explorer import Explorer
from app.state import lab
from app.views.lab.heads import card, finder, scan
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
    names = list(VIEWS)
    before = lab.get("view", names[0])
    with st.container(horizontal=True, vertical_alignment="center", key="lab views"):
        name = st.segmented_control(
            "Form",
            names,
            default=before if before in names else names[0],
            format_func=lambda name: VIEWS[name],
            required=True,
            key="lab view",
            label_visibility="collapsed",
        )
        name = name or names[0]
        lab.choose("view", name, names[0])
        if name != "scan":
            finder.basis()
    return name
