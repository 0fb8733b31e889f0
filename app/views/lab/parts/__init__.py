"""The section What each part says: one picture at a time, of the prompt and the token that is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.session.explorer import Explorer
from app.views.lab.parts.attention import attention
from app.views.lab.parts.attribution import attribution
from app.views.lab.parts.choices import segments
from app.views.lab.parts.lens import lens
from app.views.lab.parts.neurons import neurons
from app.views.lab.parts.residual import residual

PICTURES: Final[dict[str, tuple[str, Callable[[Explorer, DeltaGenerator], None]]]] = {
    "logit": ("Who makes the logit", attribution),
    "lens": ("Lens", lens),
    "neurons": ("Neurons", neurons),
    "residual": ("Residual stream", residual),
    "attention": ("Attention, summed up", attention),
}
"""A title and a part of the page by the name that a link carries."""


def parts(me: Explorer) -> None:
    """Draw the choice, and the picture that was chosen."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lab choices")
    with row:
        name = segments("part", {name: title for name, (title, _) in PICTURES.items()}, "Picture", shown=False)
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. These pictures are of the model as it is, without them.")
    PICTURES[name][1](me, row)
