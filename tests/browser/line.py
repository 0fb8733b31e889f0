"""A line between a browser and a server that a test can cut, mend and lead to another server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Line:
    """A port of this machine that leads to another one."""

    def __init__(self, port: int) -> None:
        """Lead to a port."""
        self.port = port
        self._whole = True
        self._ends: set[socket.socket] = set()
        self._frozen: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and take no new one."""
        self._whole = False
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _close(end)

    def mend(self, port: int | None = None) -> None:
        """Take connections again, to another port if one is given."""
        self.port = port or self.port
        self._whole = True

    def freeze(self) -> None:
        """Carry nothing more over the present connections, and leave them open, as a network does that has gone."""
        with self._lock:
            self._frozen |= self._ends

    def close(self) -> None:
        """End it."""
        _close(self._listening)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                end, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(end,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            if not self._whole:
                raise ConnectionError
            far = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            _close(near)
            return
        with self._lock:
            self._ends |= {near, far}
        if not self._whole:
            self.cut()
        threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
        self._carry(far, near)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source not in self._frozen:
                    target.sendall(data)
        with self._lock:
            self._ends -= {source, target}
        _close(source)
        _close(target)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def line(url: str) -> Iterator[Line]:
    """Give a line to a server."""
    made = Line(int(url.rpartition(":")[2]))
    try:
        yield made
    finally:
        made.close()
