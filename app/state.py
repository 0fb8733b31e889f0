"""The only home of `st.session_state` and `st.cache_*`: the shared models, each person's explorer, events handled."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import streamlit as st
import torch

from app.explorer import Explorer
from gptcore import Checkpoint, CheckpointError, load, shipped_models

STYLE = Path(__file__).with_name("page.css")
ICON = Path(__file__).with_name("icon.svg")
DEFAULT = "shakespeare-char"
SMALL = 30_000_000
"""Up to this many parameters one thread is fastest, and many sessions do not fight for cores."""


_TURN = threading.Lock()
_THREADS = torch.get_num_threads()


@st.cache_resource(show_spinner="Loading the model …", max_entries=4)
def _checkpoint(source: str) -> Checkpoint:
    """A model, loaded once for all sessions, on the GPU where there is one."""
    checkpoint = load(source, device="cuda" if torch.cuda.is_available() else "cpu")
    small = sum(parameter.numel() for parameter in checkpoint.model.parameters()) <= SMALL
    torch.set_num_threads(1 if small else _THREADS)
    # What is loaded by now stays: without the collection after each run (.streamlit/config.toml), the collector
    # should not walk through all libraries' objects whenever it starts by itself.
    gc.collect()
    gc.freeze()
    return checkpoint


def sources() -> list[str]:
    """What the model picker offers: the checkpoint named on the command line, then the shipped models."""
    return [*sys.argv[1:2], *shipped_models()]


def pick() -> None:
    """Called when the model picker changed: the run that follows loads what it shows."""
    st.session_state["wanted"] = st.session_state["picked"]


def ready() -> bool:
    """Makes this person's explorer of the wanted model, or says in a sentence why there is none.

    A model that cannot be loaded leaves the present one in place.
    """
    wanted = st.session_state.setdefault("wanted", sys.argv[1] if sys.argv[1:] else DEFAULT)
    before: Explorer | None = st.session_state.get("explorer")
    if before is not None and st.session_state["loaded"] == wanted:
        return True
    try:
        checkpoint = _checkpoint(wanted)
    except (CheckpointError, ValueError) as error:
        st.error("This model could not be loaded.", icon=":material/error:")
        st.text(str(error))  # as plain text: a path may hold anything
        if before is None and DEFAULT in shipped_models() and wanted != DEFAULT:
            st.button(f"Open {DEFAULT} instead", on_click=lambda: st.session_state.update(wanted=DEFAULT))
        st.session_state["wanted"] = st.session_state.get("loaded", wanted)
        return before is not None
    with turn():
        after = Explorer(checkpoint, before.typed) if before else Explorer(checkpoint)
    after.rev = before.rev + 1 if before else 0
    st.session_state.update(explorer=after, loaded=wanted)
    return True


@contextmanager
def turn() -> Iterator[None]:
    """One session's work at a time: many threads on Python's one lock, which PyTorch takes again after each of its
    operations, keep each other waiting ten times as long as a queue does (tests/benchmarks/load.py)."""
    with _TURN:
        yield


def explorer() -> Explorer:
    """This person's explorer; `ready()` has made it."""
    return cast(Explorer, st.session_state["explorer"])


def drawn(me: Explorer) -> None:
    """Notes which selection the page tells of."""
    st.session_state["drawn"] = _selection(me)


def stale(me: Explorer) -> bool:
    """Whether another selection was made since, so that the page must be drawn as a whole."""
    return st.session_state.get("drawn") != _selection(me)


def _selection(me: Explorer) -> tuple[object, ...]:
    return loaded(), me.view, me.layer, me.selected, me.weight, me.head


def loaded() -> str:
    """The name or path of the model that is on the screen."""
    return cast(str, st.session_state["loaded"])


def dark() -> bool:
    """Whether the page is drawn in the dark theme."""
    return st.context.theme.type == "dark"


def last(key: str, field: str = "event") -> dict[str, Any] | None:
    """What a component last reported, handled or not."""
    found = st.session_state.get(key) or {}
    return found.get(field)


def new(key: str, field: str = "event") -> dict[str, Any] | None:
    """What a component reported and nobody has handled yet; handing it out counts as handled."""
    found = last(key, field)
    if found is None or _handled().get(key) == found["seq"]:
        return None
    _handled()[key] = found["seq"]
    return found


def first_time(key: str, seq: int) -> bool:
    """Whether this sequence number is new under this key; asking counts as handled."""
    if _handled().get(key) == seq:
        return False
    _handled()[key] = seq
    return True


def seq(key: str, field: str = "event") -> int:
    """The number to acknowledge."""
    found = last(key, field)
    return int(found["seq"]) if found else 0


def set_widget(key: str, value: object) -> None:
    """What a native widget shows; only before it is drawn."""
    st.session_state[key] = value


def widget(key: str) -> Any:
    """What a native widget holds."""
    return st.session_state.get(key)


def _handled() -> dict[str, int]:
    return cast(dict[str, int], st.session_state.setdefault("handled", {}))
