"""Long analyses on a thread of their own: shared, told how far they are, stopped, and in turns with others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.stores import computations
from app.stores.computations import Computations
from gptcore.analysis.patching import Progress


class Turns:
    """A turn as the server's, that counts how often it was given and paused."""

    def __init__(self) -> None:
        self.lock, self.given, self.paused, self.sizes = threading.Lock(), 0, 0, set[float]()

    @contextmanager
    def __call__(self, size: float) -> Iterator[Turns]:
        with self.lock:
            self.given += 1
            self.sizes.add(size)
            yield self

    def pause(self) -> None:
        self.paused += 1


def counted(pieces: int, begun: threading.Event, go_on: threading.Event):  # type: ignore[no-untyped-def]
    """Return an analysis of so many pieces that waits before its second one."""

    def work(progress: Progress) -> list[int]:
        found: list[int] = []
        for piece in range(pieces):
            if progress(piece, pieces) is False:
                break
            found.append(piece)
            begun.set()
            go_on.wait(10)
        return found

    return work


def test_what_is_asked_twice_runs_once() -> None:
    store, begun, go_on = Computations(Turns()), threading.Event(), threading.Event()
    first = store.start("key", counted(3, begun, go_on))
    assert store.start("key", lambda progress: pytest.fail("it is on its way")) is first is store.get("key")
    go_on.set()
    first.wait(10)
    assert first.finished and first.result == [0, 1, 2] and not first.trouble
    assert store.start("key", lambda progress: pytest.fail("it is there")).result == [0, 1, 2]


def test_a_stop_keeps_what_is_done_and_the_next_start_begins_anew() -> None:
    store, begun, go_on = Computations(Turns()), threading.Event(), threading.Event()
    first = store.start("key", counted(5, begun, go_on))
    assert begun.wait(10)
    first.stop()
    go_on.set()
    first.wait(10)
    assert (first.finished, first.stopped, first.result) == (True, True, [0])
    again = store.start("key", counted(5, begun, go_on))
    again.wait(10)
    assert again is not first and again.result == [0, 1, 2, 3, 4]


def test_between_pieces_others_have_their_turn() -> None:
    turns, begun, go_on = Turns(), threading.Event(), threading.Event()
    go_on.set()
    found = Computations(turns).start("key", counted(4, begun, go_on), size=7.0)
    found.wait(10)
    assert (turns.given, turns.paused, turns.sizes, turns.lock.locked()) == (1, 4, {7.0}, False)


def test_trouble_is_a_sentence_and_frees_the_turn() -> None:
    def work(progress: Progress) -> None:
        raise ValueError("a held-out text needs two tokens")

    turns = Turns()
    found = Computations(turns).start("key", work)
    found.wait(10)
    assert (found.finished, found.result, found.trouble) == (True, None, "a held-out text needs two tokens")
    assert not turns.lock.locked()


def test_what_nobody_looks_at_any_more_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computations, "UNWATCHED", -1.0)
    go_on = threading.Event()
    go_on.set()
    found = Computations(Turns()).start("key", counted(5, threading.Event(), go_on))
    found.wait(10)
    assert found.stopped and found.result == []


def test_the_oldest_give_way() -> None:
    go_on = threading.Event()
    go_on.set()
    store = Computations(Turns(), kept=2)
    for key in "abc":
        store.start(key, counted(1, threading.Event(), go_on)).wait(10)
    assert store.get("a") is None and store.get("b") is not None
