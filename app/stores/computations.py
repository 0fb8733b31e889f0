"""Long analyses of a server: each runs once on a thread of its own, gives way to keys, and ends when nobody looks.

This file knows no Streamlit.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from gptcore.analysis.patching import Progress

KEPT: Final = 32
"""Number of results that stay."""
UNWATCHED: Final = 30.0
"""Seconds after which a computation that nobody asks for any more is stopped."""


class Held(Protocol):
    """A turn to compute that was given."""

    def pause(self) -> None:
        """Let those who wait go first; return when it is this one's turn again."""


Allowed = Callable[[float], None]
"""A function that refuses an analysis by a ValueError, given the bytes that those on their way were promised."""
Turn = Callable[[float], AbstractContextManager[Held]]
"""A function that gives a turn to compute pieces of so many multiplications, such as `server.background_turn`."""


class Computation:
    """One analysis: how far it is, then its result or the sentence that says why there is none."""

    def __init__(
        self, work: Callable[[Progress], Any], turn: Turn, size: float, memory: float = 0.0, refusal: str = ""
    ) -> None:
        self._turn, self._size = turn, size
        self.memory = memory
        """The bytes that it takes at most."""
        self._held: Held | None = None
        self._stopped = threading.Event()
        self._watched = time.monotonic()
        self.done, self.of = 0, 0
        """The pieces that are done, and all; 0 of 0 until the first is begun."""
        self.result: Any = None
        """The outcome; after a stop that of the pieces done by then, if the analysis hands it out."""
        self.trouble = refusal
        """The sentence that says why there is no result; "" where there is none to tell."""
        self.finished = bool(refusal)
        """True once nothing more comes."""
        self._thread = threading.Thread(target=self._run, args=(work,), name="analysis", daemon=True)
        if not refusal:
            self._thread.start()

    @property
    def stopped(self) -> bool:
        """True if it was stopped before its end."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Stop it after the piece that it is at."""
        if not self.finished:
            self._stopped.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for its end."""
        if not self.finished:
            self._thread.join(seconds)

    def watch(self) -> None:
        """Note that somebody looks: without that it is stopped after a while."""
        self._watched = time.monotonic()

    def _run(self, work: Callable[[Progress], Any]) -> None:
        # The work is kept nowhere else: the model that it holds goes with it.
        try:
            with self._turn(self._size) as self._held:
                self.result = work(self._progress)
        except (ValueError, RuntimeError, MemoryError) as error:
            self.trouble = str(error) or f"the analysis ended with a {type(error).__name__}; try a shorter prompt"
        finally:
            self.finished = True

    def _progress(self, done: int, of: int) -> bool:
        """Give way to whoever waits, then tell the analysis whether to go on."""
        self.done, self.of = done, of
        if time.monotonic() - self._watched > UNWATCHED:
            self._stopped.set()
        if self._held is not None:
            self._held.pause()
        return not self._stopped.is_set()


class Computations:
    """The computations of a server, by what was asked of which weights; the newest stay."""

    def __init__(self, turn: Turn, kept: int = KEPT) -> None:
        self._turn, self._kept = turn, kept
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Computation] = OrderedDict()

    def get(self, key: Hashable) -> Computation | None:
        """Return what was begun under this key, and note that somebody looks; None where nothing was."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                found.watch()
            return found

    def start(
        self,
        key: Hashable,
        work: Callable[[Progress], Any],
        size: float = 0.0,
        memory: float = 0.0,
        allowed: Allowed = lambda beside: None,
    ) -> Computation:
        """Begin an analysis, unless it is there or on its way; one that was stopped or failed is begun anew.

        One that is not allowed is over at once, and its trouble says why.

        Args:
            key: what tells it from all others: the weights, the ids, the question.
            work: the analysis. It calls the function that it is given with the pieces that are done and all, and ends
                when that returns False.
            size: the multiplications of one piece, as a turn wants to know them.
            memory: the bytes that it takes at most.
            allowed: is asked before it begins.
        """
        with self._lock:
            found = self._found.get(key)
            if found is None or found.stopped or (found.finished and found.trouble):
                beside = sum(each.memory for each in self._found.values() if not each.finished)
                refusal = _refusal(allowed, beside)
                found = self._found[key] = Computation(work, self._turn, size, memory, refusal)
            self._found.move_to_end(key)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)[1].stop()
            found.watch()
            return found


def _refusal(allowed: Allowed, beside: float) -> str:
    """Return the sentence that says why not; "" where nothing does."""
    try:
        allowed(beside)
    except ValueError as error:
        return str(error)
    return ""
