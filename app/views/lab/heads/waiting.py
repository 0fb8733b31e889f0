"""A measurement on its way: how far it is, a button that stops it, and the sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.session.actions import sentence
from app.session.explorer import Explorer
from app.state import heads as state
from app.views.lab.heads import measuring

PAUSE: Final = 0.5
"""Seconds between two looks."""


def waiting(me: Explorer, name: str) -> bool:
    """Draw how far a measurement is; return True once it is there, and nothing is to be drawn."""
    known = measuring.found(me, name, asked=state.take(name))
    if known is not None and known.finished and known.result is not None and not known.stopped:
        return True
    what = measuring.WORDS[name]
    if known is None:
        _ask(name, f"Not measured yet: {what}.", "Measure")
    elif known.trouble:
        st.error("There is no result.", icon=":material/error:")
        st.text(sentence(known.trouble))
        _ask(name, "", "Try again")
    elif known.finished:
        done = f"{known.done} of {known.of} pieces were done." if known.of else ""
        _ask(name, f"Stopped: {what}. {done}", "Measure again")
    else:
        progress(me, name)
    return known is not None and known.finished and known.result is not None


def _ask(name: str, said: str, word: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if said:
            st.caption(said)
        st.button(word, key=f"lab {name} {word}", on_click=state.ask, args=(name,))


def progress(me: Explorer, name: str) -> None:
    """Draw how far a measurement that is on its way is; once it is there, the page is drawn anew."""
    st.fragment(_progress, run_every=PAUSE)(me, name)


def _progress(me: Explorer, name: str) -> None:
    known = measuring.found(me, name)
    if known is None or known.finished:
        st.rerun(scope="app")
    share = known.done / known.of if known.of else 0.0
    at = f" {known.done} of {known.of}" if known.of else ""
    st.progress(min(1.0, share), f"Measuring {measuring.WORDS[name]}:{at} …")
    stop: Callable[[], None] = known.stop
    st.button("Stop", key=f"lab stop {name}", on_click=stop)
