"""The section What each part says: one picture at a time, of the prompt and the token that Explore follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.panels.token_words import visible
from app.session.actions import Lock
from app.session.explorer import Explorer
from app.state import person, reports
from app.views.lab.parts.attention import attention
from app.views.lab.parts.attribution import attribution
from app.views.lab.parts.choices import segments
from app.views.lab.parts.lens import lens
from app.views.lab.parts.neurons import neurons
from app.views.lab.parts.residual import residual
from app.views.markdown import escaped

PICTURES: Final[dict[str, tuple[str, Callable[[Explorer], None]]]] = {
    "logit": ("Who makes the logit", attribution),
    "lens": ("Lens", lens),
    "neurons": ("Neurons", neurons),
    "residual": ("Residual stream", residual),
    "attention": ("Attention, summed up", attention),
}
"""A title and a part of the page by the name that a link carries."""
TOKEN: Final = "lab position"
SHOWN: Final = 70
"""Characters of the prompt that are shown."""


def parts(me: Explorer) -> None:
    """Draw the choices, and the picture that was chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = segments("part", {name: title for name, (title, _) in PICTURES.items()}, "Picture", shown=False)
        _token(me)
        st.markdown(escaped(shortened(me.shown.text)), width="content")
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. These pictures are of the model as it is, without them.")
    PICTURES[name][1](me)


def shortened(text: str) -> str:
    """Return the end of a long prompt, which is what the followed token stands near to.

    >>> shortened("ab" * 60)[:4], shortened("a fox")
    ('…bab', 'a fox')
    """
    return text if len(text) <= SHOWN else f"…{text[-SHOWN + 1 :]}"


def _token(me: Explorer) -> None:
    """Draw the choice of the token after which the prediction is looked at: the one that Explore follows."""
    tokens = me.shown.tokens
    reports.set_widget(TOKEN, me.position)
    st.selectbox(
        "After the token",
        range(len(tokens)),
        format_func=lambda at: f"{at} {visible(tokens[at])}" if at < len(tokens) else "",
        key=TOKEN,
        on_change=_follow,
        width=190,
        label_visibility="collapsed",
        help="The token of the prompt after which the model's prediction is looked at; Explore follows the same one.",
    )


def _follow() -> None:
    me, at = person.explorer(), reports.widget(TOKEN)
    if isinstance(at, int):
        me.apply(Lock(me.shown.cropped + at))
