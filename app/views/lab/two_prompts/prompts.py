"""Both prompts: the one that all pages share, and another one, with examples for the shipped models."""

from __future__ import annotations

import streamlit as st

from app.panels.pair_examples import examples
from app.session import costs
from app.session.actions import Write, sentence
from app.session.explorer import Explorer
from app.session.prompt_run import read
from app.state import lab, reports, server
from app.state.kept import kept
from app.views.markdown import escaped
from gptcore import Trace, capture

MOST_TEXT = 8000
ABOUT_THEM = ("patches", "one", "two", "at", "head")
"""Choices that are about these prompts, and mean nothing with others."""


def other_text(me: Explorer) -> str:
    """Return the other prompt: the one that was chosen, or an example, or the very same."""
    return lab.get("other") or next((each.other for each in examples(me.source, me.shown.text)), me.shown.text)


def prompts(me: Explorer) -> None:
    """Draw both texts, examples, and the button that exchanges them."""
    reports.set_widget("lab this", me.shown.text)
    reports.set_widget("lab other", other_text(me))
    with st.container(horizontal=True, key="lab-prompts"):
        st.text_input(
            "This prompt (clean): the one on Explore", key="lab this", on_change=lambda: _type(me), max_chars=MOST_TEXT
        )
        st.text_input("The other prompt (corrupt)", key="lab other", on_change=lambda: _choose(me), max_chars=MOST_TEXT)
    with st.container(horizontal=True, vertical_alignment="center", key="lab-pair-buttons"):
        st.button("Exchange both", icon=":material/swap_vert:", on_click=lambda: _exchange(me))
        for example in examples(me.source, me.shown.text):
            st.button(
                f"Example: {escaped(example.label)}",
                help=escaped(example.other),
                disabled=example.other == other_text(me),
                on_click=_use,
                args=(example.other,),
            )


def other_run(me: Explorer) -> Trace | None:
    """Return the run of the other prompt as the model is; None where it cannot be run, which is told."""
    text, checkpoint = other_text(me), me.checkpoint
    try:
        ids = read(checkpoint, text, me.limits)[-checkpoint.config.block_size :]
        if not ids:
            raise ValueError("the other prompt is empty; type one")
        me.limits.check(costs.of_run(checkpoint.config, len(ids), len(ids)), f"A run of {len(ids):,} tokens")
    except ValueError as error:
        st.warning("The other prompt cannot be run by this model.", icon=":material/warning:")
        st.text(sentence(str(error)))
        return None
    key = (checkpoint.model, tuple(ids))
    with server.turn(float(me.parameters) * len(ids)):
        return kept("other run", key, lambda _: capture(checkpoint.model, ids))


def forget() -> None:
    """Forget what was chosen about these prompts."""
    for name in ABOUT_THEM:
        lab.choose(name, "")


def _type(me: Explorer) -> None:
    told = other_text(me)
    _write(me, str(reports.widget("lab this")))
    lab.choose("other", told)
    forget()


def _choose(me: Explorer) -> None:
    _use(str(reports.widget("lab other")))


def _use(text: str) -> None:
    lab.choose("other", text)
    forget()


def _exchange(me: Explorer) -> None:
    before = me.shown.text
    _write(me, other_text(me))
    if me.shown.text != before:
        lab.choose("other", before)
        forget()


def _write(me: Explorer, text: str) -> None:
    write = Write(text)
    with server.turn(me.work([write])):
        me.apply(write)
