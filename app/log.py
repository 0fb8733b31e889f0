"""Streams of the server to its log, which must never end it: a disk may fill up while it runs."""

from __future__ import annotations

import io
from typing import TextIO


class _Lossy(io.FileIO):
    """A file whose content is lost where there is no room for it."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # any buffer
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def lossy(stream: TextIO) -> TextIO:
    """Return a stream to the same place that is silent where that is full; a terminal's never is.

    >>> with open("/dev/full", "w") as full:
    ...     lossy(full).write("a line\\n")
    7
    """
    if stream.isatty():
        return stream
    file = io.BufferedWriter(_Lossy(stream.fileno(), "w", closefd=False))  # type: ignore[type-var]
    return io.TextIOWrapper(file, encoding="utf-8", errors="replace", line_buffering=True)
