"""Files on their way to the server: so many bytes of them at once, and one that hardly moves gives way to the next.

Streamlit writes a file to the temporary folder while it comes, before it asks whose it is. Without a bound a few large
ones fill that folder for all; with a bound alone, who lets a few large ones come drop by drop keeps all others out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from app.guard import uploads

AT_ONCE = 3
"""As many files of the largest size may be on their way."""
SLOW = 50_000.0
"""Bytes a second: a file that comes more slowly gives way."""
PATIENCE = 10.0
"""Seconds that each file has, however slow it begins."""


class File:
    """A file on its way."""

    def __init__(self, size: int) -> None:
        """Begin with a size that is told."""
        self.size = size
        self._since, self._come = time.monotonic(), 0
        self._cut = asyncio.Event()

    @property
    def rate(self) -> float:
        """Bytes a second; as many as one likes while it has just begun."""
        took = time.monotonic() - self._since
        return self._come / took if took > PATIENCE else float("inf")

    def cut(self) -> None:
        """End it: its reader hears that the sender has gone."""
        self._cut.set()

    async def receive(self, receive: Receive) -> Any:
        """Wait for its next part, or for its end."""
        parts, end = asyncio.ensure_future(receive()), asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait({parts, end}, return_when=asyncio.FIRST_COMPLETED)
            if not parts.done():
                return {"type": "http.disconnect"}
            message = parts.result()
            self._come += len(message.get("body", b""))
            return message
        finally:
            parts.cancel()
            end.cancel()


class Coming:
    """All files on their way to this process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._files: list[File] = []

    @contextmanager
    def room(self, scope: Scope) -> Iterator[File | None]:
        """Give a request's file its room as long as it comes; None where there is none for it."""
        file = File(_size(scope))
        most = AT_ONCE * uploads.largest() * 2**20
        slow = sorted((each for each in self._files if each.rate <= SLOW), key=lambda each: each.rate)
        over = sum(each.size for each in self._files) + file.size - most
        if over > sum(each.size for each in slow):  # none is cut in vain
            yield None
            return
        while over > 0:
            slowest = slow.pop(0)
            slowest.cut()
            self._files.remove(slowest)
            over -= slowest.size
        self._files.append(file)
        try:
            yield file
        finally:
            if file in self._files:
                self._files.remove(file)


def _size(scope: Scope) -> int:
    """Return how much a request brings; as much as it may where it does not tell."""
    if scope["method"] not in ("PUT", "POST"):
        return 0
    told = HTTPConnection(scope).headers.get("content-length", "")
    return int(told) if told.isdecimal() and len(told) < 16 else uploads.largest() * 2**20
