"""The people of a server: whether they may read its files, or are strangers; and which pages are one person's."""

from __future__ import annotations

import os
from ipaddress import ip_address

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

SHARED = "GPTSCOPE_SHARED"
"""Environment variable of a server for a class, of which nobody opens paths, nor has it download anything: 1, or 0 for
a server that is not one, although others can reach it."""


def shared() -> bool:
    """Return True if this server is for people who should not read its files.

    The environment decides; where it says nothing, each server that others can reach is shared.
    """
    if told := os.environ.get(SHARED, "").strip().lower():
        return told not in ("0", "false", "no", "off")
    return not all(map(_is_this_machine, [st.get_option("server.address"), *st.get_option("server.allowedHosts")]))


def person_of(session: str) -> str:
    """Return the name of the person whose page a session is, by which turns are dealt out.

    All tabs of a browser are one person: they have the cookie in common by which Streamlit knows its own pages. An
    address would not do: thirty students of a school share one. Who sends no cookie, or another one for each page, is
    as many persons as pages; those are bounded by their address, in numbers that no class meets (`door.py`).
    """
    client = get_instance().get_client(session) if exists() else None
    cookie = client.client_context.cookies.get(XSRF_COOKIE_NAME) if client and client.client_context else None
    token, _ = decode_xsrf_token_string(cookie) if cookie and len(cookie) < 200 else (None, None)
    return f"browser {token.hex()}" if token else session


def _is_this_machine(host: str | None) -> bool:
    """Tell if a host or an address is the machine's own name for itself; no address is all of its addresses.

    >>> [_is_this_machine(host) for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "::", "class.edu", None)]
    [True, True, True, False, False, False, False]
    """
    if not host or host.lower() == "localhost":
        return bool(host)
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
