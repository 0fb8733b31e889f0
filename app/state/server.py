"""Shared by all people of a server: its models and snapshots, its turns, and the switch for a class.

They are kept in this module, which lives as long as the process. Streamlit's own caches would not do: any visitor's
browser can have them emptied, and everybody's next page would load the model anew.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.state.sharing import SHARED as SHARED
from app.state.sharing import person_of
from app.state.sharing import shared as shared
from app.stores.computations import Computations
from app.stores.limits import Limits
from app.stores.models import Models
from app.stores.settings import PAGES
from app.stores.snapshots import Snapshots
from app.stores.speed import Cost, Measured, measure
from app.stores.turns import Turn, Turns, Wait
from gptcore import Checkpoint, CheckpointError, load
from gptcore.capture.pauses import pausing
from gptcore.checkpoint.snapshots import snapshots as snapshots_of
from gptcore.checkpoint.training_files import LAST

MUCH = 1e9
"""Multiplications of a run from which it takes all threads. Below, one is as fast, and on a machine where others
compute (the browser, for one) it is many times faster: threads wait for each other at every operation."""

_MODELS, _SNAPSHOTS, _TURNS = Models(), Snapshots(), Turns()
_LOADING, _MEASURING = threading.Lock(), threading.Lock()
_MEASURED = Measured()
_THREADS = torch.get_num_threads()


def models() -> Models:
    """Return the models that are loaded."""
    return _MODELS


def snapshots() -> Snapshots:
    """Return the histories of trainings, and their weights that are loaded."""
    return _SNAPSHOTS


def computations() -> Computations:
    """Return the long analyses that are there or on their way."""
    return _COMPUTATIONS


def limits() -> Limits:
    """Return what one person may ask of this server. Do not ask for it in a turn: it may take one to measure.

    Raises:
        SettingError: a setting in the environment is wrong.
    """
    PAGES.read()  # the door's, which can tell nobody
    found = Limits.of(shared(), lambda: _MEASURED.speed)
    if found.seconds < math.inf and _MEASURED.due:
        with _MEASURING:  # a session waits for another that measures
            if _MEASURED.due:
                with _having("", 0.0, _THREADS, None, background=False):
                    _MEASURED.add(measure())
    return found


@contextmanager
def turn(
    work: float = 0.0, threads: int | None = None, waiting: Callable[[Wait], None] | None = None
) -> Iterator[Turn]:
    """Let one session compute at a time, with as many threads as its work is worth, or with so many.

    Many threads on Python's one lock, which PyTorch takes again after each of its operations, keep each other waiting
    ten times as long as a queue does (tests/benchmarks/load.py). How many threads PyTorch takes is the whole process's,
    so it is set here and nowhere else. A long run gives way to short ones after each module of the model.

    Args:
        work: multiplications of the largest run, such as `Explorer.work` tells them.
        threads: their number, where something else decides it.
        waiting: is called now and then while others come before; what it raises ends the waiting, and nothing was run.
    """
    with _having(_person(), work, threads, waiting, background=False) as held:
        yield held


@contextmanager
def background_turn(owner: str, work: float = 0.0, threads: int | None = None) -> Iterator[Turn]:
    """Have a turn for long work that nobody waits for: `pause` of what is yielded lets everybody else go before.

    Args:
        owner: whose work it is; that of one owner does not hold up that of another.
        work: multiplications of one piece, as for `turn`.
        threads: as for `turn`.
    """
    with _having(f"background {owner}", work, threads, None, background=True) as held:
        yield held


@contextmanager
def _having(
    person: str, work: float, threads: int | None, waiting: Callable[[Wait], None] | None, background: bool
) -> Iterator[Turn]:
    def entered(crowded: bool) -> None:
        # Where others type, too, a large run on all cores takes those from what their pages need beside the turn.
        torch.set_num_threads(threads or (_THREADS if work > MUCH and not crowded else 1))

    speed = _MEASURED.speed
    seconds = speed.seconds(Cost(flops=2 * work)) if speed else 0.0
    turns = _TURNS.turn(person, seconds, background=background, entered=entered, waiting=waiting)
    with turns as held, pausing(held.pause):
        yield held


def _person() -> str:
    """Return the name of the person who computes; asking `st.session_state` could end an overtaken run here."""
    context = get_script_run_ctx(suppress_warning=True)
    return person_of(context.session_id) if context else f"thread {threading.get_ident()}"


_COMPUTATIONS = Computations(lambda work: background_turn(f"thread {threading.get_ident()}", work))


def newest_weights(run: Path) -> Checkpoint:
    """Return the newest weights of a training that is going on: its last save, or a newer snapshot.

    Raises:
        CheckpointError: there is none yet, or it cannot be read.
    """
    last = run / LAST
    try:
        saved = last.stat().st_mtime_ns
    except OSError:
        raise CheckpointError(f"{run} holds no weights yet; wait for the first evaluation") from None
    with _LOADING:
        checkpoint = _weights(str(last), saved)
    # Steps are compared, not times: somebody may set the clock.
    newest = [each for each in snapshots_of(run)[-1:] if each.step > checkpoint.info.get("iter_num", 0)]
    return snapshots().checkpoint(checkpoint, newest[0]) if newest else checkpoint


@lru_cache(maxsize=8)
def _weights(path: str, stamp: int) -> Checkpoint:
    return load(path)
