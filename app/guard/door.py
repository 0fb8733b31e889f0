"""The door of the server, before Streamlit: who has come by a wrong name is told so; what no page asks for is closed.

Streamlit compares the name of a host only where a page opens its live connection: by then a browser has drawn an empty
page, which never says why. Its numbers about the server, below `/_stcore/metrics`, are there for anybody who asks.
Streamlit takes such a layer for an `st.App` alone (`app/served.py`), so plain `streamlit run app/main.py` has no door.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

HEALTH = "/_stcore/health"
"""The address that a watcher on the same machine asks, by whatever name."""
CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent")
"""Addresses that no page asks for, and what lies below them."""


class Door:
    """The application behind a look at each request; what is let in passes as it is."""

    def __init__(self, app: ASGIApp, shared: Callable[[], bool]) -> None:
        """Stand before an application.

        Args:
            app: what is let in goes to it.
            shared: tells if this server is one that strangers reach.
        """
        self._app, self._shared = app, shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here; a connection that is not HTTP is for Streamlit to judge."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = _below(scope["path"])
        host = HTTPConnection(scope).headers.get("host")
        if path != HEALTH and not is_host_allowed(host):
            await PlainTextResponse(refusal(host), 400)(scope, receive, send)
        elif path.startswith(CLOSED) and self._shared():
            await PlainTextResponse("no page of this server asks for that\n", 404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def refusal(host: str | None) -> str:
    """Return the sentence for who has come by a wrong name.

    >>> print(refusal("evil.example").splitlines()[0])
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
