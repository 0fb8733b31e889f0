"""A choice of a token of the vocabulary: one of the likeliest, or any that one types."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app.session.explorer import Explorer
from app.state import lab
from app.views.lab.parts.picture import word

OFFERED: Final = 40
"""Tokens in the list, the likeliest first."""
NONE: Final = -1
"""The choice of no token."""


def token_select(me: Explorer, label: str, name: str, usual: int, none: str = "", help: str | None = None) -> int:
    """Draw the choice, and return the token that is chosen; `NONE` for none.

    Args:
        me: whose tokens; the likeliest at the position are offered.
        label: the choice's name.
        name: the name under which a link carries it.
        usual: the token without a choice.
        none: the words for no token; "" where one must be chosen.
        help: a sentence on the choice.
    """
    told = lab.get(name, str(usual))
    chosen = int(told) if told.removeprefix("-").isdecimal() else usual
    if not (0 <= chosen < me.arch.config.vocab_size or (none and chosen == NONE)):
        chosen = usual
    offered = list(dict.fromkeys([*([NONE] if none else []), *me.shown.likely(me.position, OFFERED), usual, chosen]))
    picked = st.selectbox(
        label,
        offered,
        index=offered.index(chosen),
        format_func=lambda token: (none if token == NONE else word(me, token)) if isinstance(token, int) else token,
        accept_new_options=True,
        help=help,
        width=210,
    )
    token = picked if isinstance(picked, int) else _typed(me, str(picked), chosen)
    lab.choose(name, str(token), str(usual))
    return token


def _typed(me: Explorer, text: str, instead: int) -> int:
    """Return the one token of a text that was typed, with or without a space before it."""
    tokenizer = me.shown.checkpoint.tokenizer
    for each in dict.fromkeys([text.replace("␣", " ").replace("↵", "\n"), f" {text}"]):
        try:
            ids = tokenizer.encode(each)
        except ValueError:
            continue
        if len(ids) == 1:
            return ids[0]
    st.warning("That is no single token of this model: type one, such as one of the list.", icon=":material/warning:")
    return instead
