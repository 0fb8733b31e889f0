"""What one person looks at: the explorer of the model on the screen, and what was made for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import streamlit as st

from app.session.explorer import Explorer
from app.state import server
from app.stores.models import Wanted
from gptcore import Checkpoint, CheckpointError
from gptcore.analysis.token_loss import Lesson


def explorer() -> Explorer:
    """This person's explorer; `opening.ready()` has made it."""
    return cast(Explorer, st.session_state["explorer"])


def loaded() -> Wanted:
    """The model that is on the screen."""
    return cast(Wanted, st.session_state["loaded"])


def look_back(me: Explorer) -> None:
    """Lets the explorer know the snapshots of its model, those that have appeared since included."""
    if not loaded().digest:  # what was uploaded has no folder
        me.history = server.snapshots().history(loaded().source, me.final.config)


def weights_at(me: Explorer, step: int | None) -> Checkpoint:
    """The model on this person's screen as it was after so many steps; None is the final one.

    Raises:
        CheckpointError: there is no such snapshot, or it cannot be loaded.
    """
    if step is None:
        return me.final
    snapshot = me.history.at(step)
    if snapshot is None:
        raise CheckpointError(f"there is no snapshot of step {step} in {me.history.source}; choose another step")
    return server.snapshots().checkpoint(me.final, snapshot)


def drawn(me: Explorer) -> None:
    """Notes which selection the page tells of."""
    st.session_state["drawn"] = _selection(me)


def stale(me: Explorer) -> bool:
    """Whether another selection was made since, so that the page must be drawn as a whole."""
    return st.session_state.get("drawn") != _selection(me)


def _selection(me: Explorer) -> tuple[object, ...]:
    return loaded(), me.history.key, *me.place.key


def lesson(key: tuple[object, ...], make: Callable[[], Lesson]) -> Lesson:
    """What `make` gives, made again only when the key is another."""
    found = st.session_state.get("lesson")
    if found is None or found[0] != key:
        found = (key, make())
        st.session_state["lesson"] = found
    return cast(Lesson, found[1])
