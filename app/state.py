"""The only home of `st.session_state` and `st.cache_*`: the shared models, each person's explorer, events handled."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import streamlit as st

from app import models
from app.explorer import Explorer, own_prompt
from app.lesson import Lesson
from app.models import File, Models, Wanted
from app.snapshots import Snapshots
from gptcore import Checkpoint, CheckpointError, load, shipped_models
from gptcore.checkpoint.snapshots import snapshots

STYLE = Path(__file__).with_name("page.css")
ICON = Path(__file__).with_name("icon.svg")
DEFAULT = "shakespeare-char"
SHARED = "GPTSCOPE_SHARED"
"""Set to 1 in the environment of a server for a class: nobody opens paths of it, nor has it download anything."""
RECENT = 6

_TURN = threading.Lock()


@st.cache_resource(show_spinner=False)
def _models() -> Models:
    return Models()


@st.cache_resource(show_spinner=False)
def _snapshots() -> Snapshots:
    return Snapshots()


def shared() -> bool:
    """Whether this server is for people who should not read its files."""
    return os.environ.get(SHARED, "").strip().lower() not in ("", "0", "false", "no", "off")


def first() -> Wanted:
    """What is opened at the start: the checkpoint named on the command line, or the default model."""
    return Wanted(one_spelling(sys.argv[1]) if sys.argv[1:] else DEFAULT)


def recent() -> list[Wanted]:
    """What this person has opened, the last first; not the shipped models, nor what would have to be uploaded again."""
    found = cast(list[Wanted], st.session_state.get("recent", []))
    return [w for w in found if w.source not in shipped_models() and (not w.digest or _models().has(w))]


def open_model(wanted: Wanted, listener: Callable[[float, str], None], files: Sequence[File] = ()) -> None:
    """Makes it the model on this person's screen, with the prompt that was there where its tokenizer can read it.

    Raises:
        CheckpointError: it cannot be loaded; everything is as it was before.
    """
    before: Explorer | None = st.session_state.get("explorer")
    megabytes = models.memory()
    checkpoint = _models().get(wanted, listener, files)
    with turn():
        touched = before is not None and before.meant != own_prompt(before.final)
        after = Explorer(checkpoint, before.meant if before and touched else None)
    after.rev = before.rev + 1 if before else 0
    others = [other for other in st.session_state.get("recent", []) if other != wanted]
    st.session_state.update(
        explorer=after,
        loaded=wanted,
        recent=[wanted, *others][:RECENT],
        memory=(megabytes, models.memory()),
        news=before is not None,
    )


# The Training page


def open_afresh(wanted: Wanted, listener: Callable[[float, str], None]) -> None:
    """The same as `open_model`, of a file that is being written: read now, whatever was read of it before.

    Raises:
        CheckpointError: it cannot be loaded; everything is as it was before.
    """
    _models().forget(wanted)
    open_model(wanted, listener)


def offer(wanted: Wanted) -> None:
    """Has the dialog offer it, as if it had been opened before."""
    others = [other for other in st.session_state.get("recent", []) if other != wanted]
    st.session_state["recent"] = [wanted, *others][:RECENT]


@st.cache_resource(show_spinner=False, max_entries=8)
def _weights(path: str, stamp: int) -> Checkpoint:
    return load(path)


def newest_weights(run: Path) -> Checkpoint:
    """Of a run that is being written: its last save, or a snapshot where one is newer; `info["iter_num"]` is the step.

    Raises:
        CheckpointError: there is none yet, or it cannot be read.
    """
    last = run / "last.pt"
    try:
        saved = last.stat().st_mtime_ns
        newest = [each for each in snapshots(run)[-1:] if each.path.stat().st_mtime_ns > saved]
    except OSError:
        raise CheckpointError(f"{run} holds no weights yet; wait for the first evaluation") from None
    checkpoint = _weights(str(last), saved)
    return _snapshots().checkpoint(checkpoint, newest[0]) if newest else checkpoint


def taken(key: str) -> str:
    """A sentence that was left to be told once; asking for it takes it away."""
    return str(st.session_state.pop(key, ""))


def lesson(key: tuple[object, ...], make: Callable[[], Lesson]) -> Lesson:
    """What `make` gives, made again only when the key is another."""
    found = st.session_state.get("lesson")
    if found is None or found[0] != key:
        found = (key, make())
        st.session_state["lesson"] = found
    return cast(Lesson, found[1])


def memory() -> tuple[float, float]:
    """Megabytes of the server before and after this person's model was opened."""
    return cast(tuple[float, float], st.session_state["memory"])


def news() -> bool:
    """Whether a model was opened since this was last asked."""
    return bool(st.session_state.pop("news", False))


def failed(wanted: Wanted | None, error: ValueError | None) -> None:
    """Keeps why a model could not be loaded, until one can."""
    st.session_state["failure"] = None if wanted is None or error is None else (wanted, error)


def failure() -> tuple[Wanted, ValueError] | None:
    """Which model could not be loaded, and why."""
    return cast("tuple[Wanted, ValueError] | None", st.session_state.get("failure"))


def afresh() -> None:
    """Called when the dialog is about to open: without the files and the failure of the last time."""
    st.session_state["opened"] = opened() + 1
    failed(None, None)


def opened() -> int:
    """How often the dialog was opened."""
    return int(st.session_state.get("opened", 0))


def one_spelling(source: str) -> str:
    """A path as it is spelled in full, so that two ways to write it are one model; a name as it is."""
    try:
        path = Path(source).expanduser()
        return str(path.resolve()) if source not in shipped_models() and path.exists() else source
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, nobody's home
        return source


def ready() -> bool:
    """Makes this person's explorer of the first model, or says in a sentence why there is none."""
    place = st.empty()  # in each run, so that what follows keeps its place
    if "explorer" in st.session_state:
        return True
    wanted = cast(Wanted, st.session_state.get("wanted", first()))

    def tell(share: float, what: str) -> None:
        place.progress(share, f"Loading the model: {what} …")

    try:
        open_model(wanted, tell)
    except (CheckpointError, ValueError) as error:
        st.error("This model could not be loaded.", icon=":material/error:")
        st.text(str(error))  # as plain text: a path may hold anything
        if DEFAULT in shipped_models() and wanted.source != DEFAULT:
            st.button(f"Open {DEFAULT} instead", on_click=lambda: st.session_state.update(wanted=Wanted(DEFAULT)))
        return False
    finally:
        place.empty()
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


def look_back(me: Explorer) -> None:
    """Lets the explorer know the snapshots of its model, those that have appeared since included."""
    if not loaded().digest:  # what was uploaded has no folder
        me.history = _snapshots().history(loaded().source, me.final.config)


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
    return _snapshots().checkpoint(me.final, snapshot)


def drawn(me: Explorer) -> None:
    """Notes which selection the page tells of."""
    st.session_state["drawn"] = _selection(me)


def stale(me: Explorer) -> bool:
    """Whether another selection was made since, so that the page must be drawn as a whole."""
    return st.session_state.get("drawn") != _selection(me)


def _selection(me: Explorer) -> tuple[object, ...]:
    return loaded(), me.history.key, me.view, me.layer, me.selected, me.weight, me.head


def loaded() -> Wanted:
    """The model that is on the screen."""
    return cast(Wanted, st.session_state["loaded"])


def dark() -> bool:
    """Whether the page is drawn in the dark theme."""
    return st.context.theme.type == "dark"


def last(key: str) -> dict[str, Any] | None:
    """What a panel or a component last reported, handled or not."""
    panels = st.session_state.get("live") or {}
    found = panels.get(key) or (st.session_state.get(key) or {}).get("event")
    return cast("dict[str, Any] | None", found)


def new(key: str) -> dict[str, Any] | None:
    """What a panel or a component reported and nobody has handled yet; handing it out counts as handled."""
    found = last(key)
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


def seq(key: str) -> int:
    """The number to acknowledge."""
    found = last(key)
    return int(found["seq"]) if found else 0


def set_widget(key: str, value: object) -> None:
    """What a native widget shows; only before it is drawn."""
    st.session_state[key] = value


def widget(key: str) -> Any:
    """What a native widget holds."""
    return st.session_state.get(key)


def _handled() -> dict[str, int]:
    return cast(dict[str, int], st.session_state.setdefault("handled", {}))
