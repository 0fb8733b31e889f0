"""A long analysis on the page: its progress, a way to stop it, its result."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import streamlit as st

from app.session.actions import sentence
from app.state import server
from app.stores.computations import Allowed
from gptcore.analysis.patching import Progress

SOON: Final = 0.4
"""Seconds that a page waits before it tells how far the analysis is."""
PAUSE: Final = 0.5
"""Seconds between two looks at one that is running."""


def result_of(
    key: Hashable,
    work: Callable[[Progress], Any],
    piece: float,
    what: str,
    *,
    memory: float,
    allowed: Allowed,
    ask: str = "",
) -> tuple[Any, bool]:
    """Return the result of an analysis, and True if it is whole; None while there is none, and what there is is drawn.

    Args:
        key: what tells it from all others.
        work: the analysis.
        piece: multiplications of one of its pieces.
        what: its name in a sentence.
        memory: the bytes that it takes at most.
        allowed: refuses it where that is too much.
        ask: a sentence that says what it costs; with one it is begun by a click.
    """
    store = server.computations()
    found = store.get(key)
    again = found is not None and found.finished and (found.stopped or bool(found.trouble))
    if found is None and not ask:
        found = store.start(key, work, piece, memory, allowed)
    again = again or (found is not None and found.finished and bool(found.trouble))
    if found is None or again:
        if found is not None and found.trouble:
            st.info(f"{what.capitalize()} is not computed here.", icon=":material/info:")
            st.text(sentence(found.trouble))
        else:
            st.caption(_stopped(what) if again else ask)
        label = f"Compute {what} again" if again else f"Compute {what}"
        if st.button(label, icon=":material/play_arrow:", type="primary", key=f"start {what}"):
            store.start(key, work, piece, memory, allowed)
            st.rerun()  # without the button
    if found is None:
        return None, False
    found.wait(SOON)
    if not found.finished:
        st.fragment(_progress, run_every=PAUSE)(key, what)
        return None, False
    return found.result, not again


def _stopped(what: str) -> str:
    return f"Stopped: {what} is only in part here."


def _progress(key: Hashable, what: str) -> None:
    """Draw how far it is. A fragment that runs repeatedly."""
    found = server.computations().get(key)
    if found is None or found.finished:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        share = found.done / found.of if found.of else 0.0
        st.progress(min(1.0, share), text=f"Computing {what}: {found.done:,} of {found.of:,}", width=420)
        if st.button("Stop", icon=":material/stop:", key=f"stop {what}"):
            found.stop()
