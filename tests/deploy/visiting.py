"""A visitor of the front without a browser: the cookies that it is given, and its live connection."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

from websockets.asyncio.client import connect

from tests.deploy.front import HOST, TRUSTING, Front


def cookies(server: Front) -> dict[str, str]:
    """Open the page as a browser does first; return what it keeps of that."""
    kept: SimpleCookie = SimpleCookie()
    for each in server.ask("").headers.get_all("Set-Cookie") or []:
        kept.load(each)
    return {name: morsel.value for name, morsel in kept.items()}


def header(kept: Mapping[str, str]) -> str:
    """Return cookies as a browser sends them."""
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def live(server: Front, kept: Mapping[str, str], origin: str = "", host: str = HOST) -> connect:
    """Connect as the page does that has these cookies."""
    protocols: Any = ["streamlit"]
    said: Any = origin or f"https://{HOST}:{server.https}"
    return connect(
        f"wss://{host}:{server.https}{server.prefix}/_stcore/stream",
        host="127.0.0.1",
        port=server.https,
        ssl=TRUSTING,
        origin=said,
        subprotocols=protocols,
        additional_headers={"Cookie": header(kept)} if kept else {},
        max_size=None,
        open_timeout=60,
    )
