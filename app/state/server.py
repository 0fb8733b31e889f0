"""Shared by all people of a server: its models and snapshots, its turns, and the switch for a class."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
import torch

from app.stores.computations import Computations
from app.stores.models import Models
from app.stores.snapshots import Snapshots
from gptcore import Checkpoint, CheckpointError, load
from gptcore.checkpoint.snapshots import snapshots as snapshots_of
from gptcore.checkpoint.training_files import LAST

SHARED = "GPTSCOPE_SHARED"
"""Set to 1 in the environment of a server for a class: nobody opens paths of it, nor has it download anything."""

MUCH = 1e9
"""Multiplications of a run from which it takes all threads. Below, one is as fast, and on a machine where others
compute (the browser, for one) it is many times faster: threads wait for each other at every operation."""

_TURN = threading.Lock()
_THREADS = torch.get_num_threads()


def shared() -> bool:
    """Return True if this server is for people who should not read its files."""
    return os.environ.get(SHARED, "").strip().lower() not in ("", "0", "false", "no", "off")


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """Return the models that are loaded."""
    return Models()


@st.cache_resource(show_spinner=False)
def snapshots() -> Snapshots:
    """Return the histories of trainings, and their weights that are loaded."""
    return Snapshots()


@st.cache_resource(show_spinner=False)
def computations() -> Computations:
    """Return the long analyses that are there or on their way."""
    return Computations(turn)


@contextmanager
def turn(work: float = 0.0, threads: int | None = None) -> Iterator[None]:
    """Let one session compute at a time, with as many threads as its work is worth, or with so many.

    Many threads on Python's one lock, which PyTorch takes again after each of its operations, keep each other waiting
    ten times as long as a queue does (tests/benchmarks/load.py). How many threads PyTorch takes is the whole process's,
    so it is set here and nowhere else.

    Args:
        work: multiplications of the largest run, such as `Explorer.work` tells them.
        threads: their number, where something else decides it.
    """
    with _TURN:
        torch.set_num_threads(threads or (_THREADS if work > MUCH else 1))
        yield


def newest_weights(run: Path) -> Checkpoint:
    """Return the newest weights of a training that is going on: its last save, or a newer snapshot.

    Raises:
        CheckpointError: there is none yet, or it cannot be read.
    """
    last = run / LAST
    try:
        saved = last.stat().st_mtime_ns
        newest = [each for each in snapshots_of(run)[-1:] if each.path.stat().st_mtime_ns > saved]
    except OSError:
        raise CheckpointError(f"{run} holds no weights yet; wait for the first evaluation") from None
    checkpoint = _weights(str(last), saved)
    return snapshots().checkpoint(checkpoint, newest[0]) if newest else checkpoint


@st.cache_resource(show_spinner=False, max_entries=8)
def _weights(path: str, stamp: int) -> Checkpoint:
    return load(path)
