"""The door of the server, before Streamlit: who has come by a wrong name is told so; what no page asks for is closed.

Streamlit compares the name of a host only where a page opens its live connection: by then a browser has drawn an empty
page, which never says why. Its numbers about the server, below `/_stcore/metrics`, are there for anybody who asks.
Streamlit takes such a layer for an `st.App` alone (`app/asgi.py`), so plain `streamlit run app/main.py` has no door.
Who opens hundreds of pages is told, too. A school has one address for all of its classes, so the number is a large one
(`GPTSCOPE_PAGES`); behind a server in front on another machine, all have that server's address. Files on their way are
bounded by their bytes together (`coming.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from functools import partial

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from app.guard.coming import Coming
from app.state.sharing import shared
from app.stores.settings import PAGES, SettingError

HEALTH = "/_stcore/health"
"""The address that a watcher on the same machine asks, by whatever name."""
CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent")
"""Addresses that no page asks for, and what lies below them."""

FILES = "/_stcore/upload_file/"
PARTS = ("/_stcore", "/static/", "/media/", "/component/")
"""Addresses that a page asks for once it is there."""


class Door:
    """The application behind a look at each request; what is let in passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application: what is let in goes to it."""
        self._app = app
        self._open: Counter[str] = Counter()  # live connections by address
        self._coming = Coming()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        address = (scope.get("client") or ("",))[0]
        if scope["type"] == "websocket":
            await self._live(address, scope, receive, send)
        elif scope["type"] == "http" and (found := self._refused(address, scope)):
            await PlainTextResponse(*found)(scope, receive, send)
        elif scope["type"] == "http" and _below(scope["path"]).startswith(FILES):
            await self._file(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a page have its live connection, by a name that Streamlit knows, and not too many from an address."""
        if self._is_full(address):
            await send({"type": "websocket.close", "code": 1013})
            return
        self._open[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[address] -= 1
            self._open += Counter()  # without those that have none

    async def _file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a file come, unless too many bytes are on their way."""
        with self._coming.room(scope) as file:
            if file is not None:
                await self._app(scope, partial(file.receive, receive), send)
                return
        said = "too many files are on their way to this server; try again in a minute\n"
        await PlainTextResponse(said, 503)(scope, receive, send)

    def _refused(self, address: str, scope: Scope) -> tuple[str, int] | None:
        """Return the sentence and the status with which a request is refused; None for one that is let in."""
        path = _below(scope["path"])
        if path != HEALTH and not is_host_allowed(HTTPConnection(scope).headers.get("host")):
            return refusal(), 400
        if path.startswith(CLOSED) and shared():
            return "no page of this server asks for that\n", 404
        if not path.startswith(PARTS) and self._is_full(address):
            return f"{_pages():,} pages are open from your address, and this server takes no more: close one.\n", 429
        return None

    def _is_full(self, address: str) -> bool:
        return self._open[address] >= _pages()


def _pages() -> float:
    """Return how many pages an address may have open; nobody counts on a server for people who know each other."""
    try:
        return PAGES.read() or (float(PAGES.shared) if shared() else math.inf)
    except SettingError:
        return float(PAGES.shared)  # each page tells that the setting is wrong


def refusal() -> str:
    """Return the sentence for who has come by a wrong name.

    >>> print(refusal().splitlines()[0])
    This server is not known by the name in your address.
    """
    known = ", ".join(st.get_option("server.allowedHosts"))
    return (
        "This server is not known by the name in your address.\n"
        f"It answers to: {known}. Open it by one of these.\n"
        "If it is your server: start it with --server.allowedHosts=NAME, once for each name (see the README).\n"
    )


def _below(path: str) -> str:
    """Return a path without the prefix below which the app lies."""
    prefix = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(f"/{prefix}") if prefix else path
