"""Progress of a load, reported to the listener of the current context. This file knows no format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Listener = Callable[[float, str], None]
"""A function that is called with the share that is done, 0 to 1, and the name of the step that comes now."""
Item = TypeVar("Item")

_listener: ContextVar[Listener | None] = ContextVar("gptcore_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report the progress of each `load` in the block to `listener`, in this context and in no other.

    >>> from gptcore.checkpoint import load
    >>> told = []
    >>> with listening(lambda share, what: told.append(share)):
    ...     ckpt = load("shakespeare-char")
    >>> told == sorted(told) and 0 < told[0] < told[-1] <= 1
    True
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(share: float, what: str) -> None:
    """Report that this share is done, and the step that comes now."""
    if (listener := _listener.get()) is not None:
        listener(share, what)


def counted(items: Iterable[Item], count: int, what: str, first: float = 0.2, last: float = 0.9) -> Iterator[Item]:
    """Yield the items; report each as a part of the way from `first` to `last`."""
    for i, item in enumerate(items):
        tell(first + (last - first) * i / max(1, count), what)
        yield item
