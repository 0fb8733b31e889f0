"""The page Lab: find a head, read what each part says, compare two prompts or two sets of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.components import plotly_js
from app.session.explorer import Explorer
from app.state import lab as chosen
from app.state import person
from app.views.lab import prompt
from app.views.lab.heads import heads
from app.views.lab.segments import segments
from app.views.lab.two_models import two_models
from app.views.lab.two_prompts import two_prompts
from app.views.lab.what_parts_say import what_parts_say

SECTIONS: Final[dict[str, tuple[str, Callable[[Explorer], None]]]] = {
    "heads": ("Find a head", heads),
    "parts": ("What each part says", what_parts_say),
    "prompts": ("Two prompts", two_prompts),
    "models": ("Two models", two_models),
}
"""A title and a page part by the name that a link carries."""


def lab() -> None:
    """Draw the page: one of its sections at a time, of the model and the prompt that Explore shows."""
    plotly_js()
    told, titles = chosen.get("section"), {name: title for name, (title, _) in SECTIONS.items()}
    name = told if told in SECTIONS else next(iter(SECTIONS))
    me = person.explorer()
    above = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="lab sections")
    with above:
        segments("Section", titles, "section", name)
    prompt.hear(me)
    SECTIONS[name][1](me)
    if name != "prompts":  # which has both prompts to write in
        with above:  # drawn last: what is clicked below may follow another token, or change the run
            prompt.prompt_line(me)
