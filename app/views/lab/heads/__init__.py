"""The section Find a head: behind the prediction, as points, as a table, by a scan; the card of one beside."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app.session.explorer import Explorer
from app.views.lab.heads import card, choices, finder, ranking, scan
from app.views.lab.heads.choices import RANKED, VIEWS, chosen_head
from app.views.lab.segments import segments

HEIGHT: Final = 430
"""Pixels of the plot at least; a higher window has a higher one."""


def heads(me: Explorer) -> None:
    """Draw the section."""
    ranking.hear(me)
    finder.hear(me)
    scan.hear(me)
    card.hear(me)
    gone = st.empty()  # always there: what stands below keeps its place, and the open form what is chosen
    if me.gone:
        gone.caption(me.gone)
    with st.container(key="lab heads"):
        left, right = st.columns([1, 1.06], gap="small")
        with left:
            view = _view()
            if view == RANKED:
                ranking.ranking(me)
            elif view == "scan":
                scan.scan(me)
            else:
                finder.finder(me, view, HEIGHT)
        with right:
            card.card(me, *chosen_head(me, ranking.first(me) if view == RANKED else None))


def _view() -> str:
    name = choices.view()
    with st.container(horizontal=True, vertical_alignment="center", key="lab views"):
        segments("Form", VIEWS, "view", name, usual="")
        if finder.measures_attention(name):
            finder.basis()
    return name
