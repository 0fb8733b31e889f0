"""A choice of a token of the vocabulary: one of the likeliest, or any that one types."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app.session.explorer import Explorer
from app.state import lab, person, reports
from app.views.lab.what_parts_say.picture import word

OFFERED: Final = 40
"""Tokens in the list, the likeliest first."""
REFUSED: Final = "That is no single token of this model: type one, or take one of the list."
NONE: Final = -1
"""The choice of no token."""


def token_select(me: Explorer, label: str, name: str, usual: int, none: str = "") -> int:
    """Draw the choice, and return the token that is chosen; `NONE` for none.

    Args:
        me: whose tokens; the likeliest at the position are offered.
        label: the choice's name.
        name: the name under which a link carries it.
        usual: the token without a choice.
        none: the words for no token; "" where one must be chosen.
    """
    told, key = lab.get(name, str(usual)), f"lab {name}"
    chosen = int(told) if told.removeprefix("-").isdecimal() else usual
    if not (0 <= chosen < me.arch.config.vocab_size or (none and chosen == NONE)):
        chosen = usual
    offered = list(
        dict.fromkeys([*([NONE] if none else []), *me.shown.likely_unchanged(me.position, OFFERED), usual, chosen])
    )
    reports.set_widget(key, chosen)
    st.caption(label, width="content")  # beside it: a label above would move the whole row
    st.selectbox(
        label,
        offered,
        format_func=lambda token: _said(me, token, none),
        accept_new_options=True,
        key=key,
        on_change=_keep,
        args=(name, str(usual)),
        label_visibility="collapsed",
        width=140,
    )
    if refused := reports.taken(f"{key} refused"):
        st.warning(refused, icon=":material/warning:")
    return chosen


def _said(me: Explorer, token: object, none: str) -> str:
    if not isinstance(token, int):
        return str(token)
    return none if token == NONE else word(me, token)


def _keep(name: str, usual: str) -> None:
    picked = reports.widget(f"lab {name}")
    token = picked if isinstance(picked, int) else token_of(person.explorer(), str(picked or ""))
    if token is None:
        reports.set_widget(f"lab {name} refused", REFUSED)
    else:
        lab.choose(name, str(token), usual)


def token_of(me: Explorer, text: str) -> int | None:
    """Return the one token of a text that was typed, as it is or with a space before it; None for any other."""
    tokenizer = me.shown.checkpoint.tokenizer
    plain = text.replace("␣", " ").replace("↵", "\n")
    for each in (plain, f" {plain}"):
        try:
            ids = tokenizer.encode(each)
        except ValueError:
            continue
        if len(ids) == 1:
            return ids[0]
    return None
