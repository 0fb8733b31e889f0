"""The section What each part says: one picture at a time, of the prompt and the token that is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.session.explorer import Explorer
from app.views.lab.what_parts_say.attention import attention
from app.views.lab.what_parts_say.attribution import attribution
from app.views.lab.what_parts_say.choices import segments
from app.views.lab.what_parts_say.lens import lens
from app.views.lab.what_parts_say.neurons import neurons
from app.views.lab.what_parts_say.residual import residual

PICTURES: Final[dict[str, tuple[str, Callable[[Explorer, DeltaGenerator], None]]]] = {
    "logit": ("Who makes the logit", attribution),
    "lens": ("Lens", lens),
    "neurons": ("Neurons", neurons),
    "residual": ("Residual stream", residual),
    "attention": ("Attention, summed up", attention),
}
"""A title and a part of the page by the name that a link carries."""


def what_parts_say(me: Explorer) -> None:
    """Draw the choice, and the picture that was chosen."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lab choices")
    with row:
        name = segments("part", {name: title for name, (title, _) in PICTURES.items()}, "Picture", shown=False)
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. These pictures are of the model as it is, without them.")
    PICTURES[name][1](me, row)
