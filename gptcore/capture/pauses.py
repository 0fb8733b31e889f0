"""Places at which a long computation can be held up, so that a server can let shorter ones go first.

Who computes calls `pause` between its pieces: after each module of a run, and wherever else a piece ends. It does
nothing, unless whoever started the computation wants to be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], None] | None] = ContextVar("gptcore_pauses", default=None)


def pause() -> None:
    """Let the one who started this computation hold it up here."""
    asked = _asked.get()
    if asked is not None:
        asked()


@contextmanager
def pausing(asked: Callable[[], None]) -> Iterator[None]:
    """Call `asked` at each pause of the computations in this context, and in no other.

    It is called in the middle of a run: it may wait, but it must not change the model.

    >>> told = []
    >>> with pausing(lambda: told.append("here")):
    ...     pause()
    >>> pause()
    >>> told
    ['here']
    """
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)
