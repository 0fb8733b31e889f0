"""One person's session: the explorer of the model on the screen, and what was made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import streamlit as st

from app.session.actions import Action, MoveInTime
from app.session.explorer import Explorer
from app.session.screen import NO_HISTORY
from app.state import server
from app.stores.models import Wanted
from app.stores.snapshots import History
from gptcore import Checkpoint, CheckpointError
from gptcore.analysis.token_loss import Lesson


def explorer() -> Explorer:
    """Return this person's explorer; `opening.ready()` has made it.

    A client can have its own session's state cleared: then the page is drawn as at the start.
    """
    if "explorer" not in st.session_state:
        st.rerun(scope="app")
    return cast(Explorer, st.session_state["explorer"])


def has_model() -> bool:
    """Return True if a model is on the screen; only a first one that could not be loaded leaves it without."""
    return "explorer" in st.session_state


def loaded() -> Wanted:
    """Return the model that is on the screen."""
    explorer()
    return cast(Wanted, st.session_state["loaded"])


class Training:
    """The training of a model that a person has opened, in the store that all people share."""

    def __init__(self, wanted: Wanted, final: Checkpoint) -> None:
        self._wanted, self._final = wanted, final

    def history(self) -> History:
        """Return the snapshots that there are by now; of what was uploaded there is no folder, so none."""
        if self._wanted.digest:
            return NO_HISTORY
        return server.snapshots().history(self._wanted.source, self._final.config)

    def weights(self, step: int) -> Checkpoint:
        """Return the model as it was after so many steps.

        Raises:
            CheckpointError: there is no such snapshot, or it cannot be loaded.
        """
        history = self.history()
        snapshot = history.at(step)
        if snapshot is None:
            raise CheckpointError(f"there is no snapshot of step {step} in {history.source}; choose another step")
        return server.snapshots().checkpoint(self._final, snapshot)


@contextmanager
def fetched(me: Explorer, actions: Sequence[Action]) -> Iterator[None]:
    """Have the weights that these actions want in memory meanwhile; what cannot be loaded is the action's to tell."""
    weights = []
    for action in actions:
        if isinstance(action, MoveInTime) and type(action.step) is int and action.step != me.step:
            with suppress(CheckpointError):
                weights.append(me.past.weights(action.step))
    yield


def drawn(me: Explorer) -> None:
    """Note of which model and which history the page tells outside its fragment."""
    st.session_state["drawn"] = _outside(me)


def stale(me: Explorer) -> bool:
    """Tell if they are others since, so that the page must be drawn as a whole."""
    return st.session_state.get("drawn") != _outside(me)


def _outside(me: Explorer) -> tuple[object, ...]:
    return loaded(), me.history.key


def lesson(key: tuple[object, ...], make: Callable[[], Lesson]) -> Lesson:
    """Return what `make` gives; call it again only when the key is another."""
    found = st.session_state.get("lesson")
    if found is None or found[0] != key:
        found = (key, make())
        st.session_state["lesson"] = found
    return cast(Lesson, found[1])
