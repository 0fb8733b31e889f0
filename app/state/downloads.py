"""A file that was made for this person, until the browser has it: it goes over HTTP, and never with a key's numbers."""

from __future__ import annotations

from typing import TypedDict, cast

import streamlit as st
from streamlit.runtime import get_instance

_KIND = "application/octet-stream"
"""Whatever it is, it is saved: a page from here is never opened as one of the app."""
_PLACE = "gptscope.download"
"""A person has one file here at a time; the next one takes its place."""


class Offer(TypedDict):
    """The answer to a request for a file: its address and name, or a sentence that says why there is none."""

    seq: int
    url: str
    name: str
    refusal: str


class Shelf:
    """The file that waits for a person's browser.

    Streamlit frees what a run of the whole page does not name again, so it is named in each run until it is taken.
    What is changed is this object, never the session's state, each use of which may end an overtaken run.
    """

    def __init__(self) -> None:
        self._offer: Offer | None = None
        self._data = b""

    def put(self, seq: int, name: str, data: bytes) -> None:
        """Let a file wait for the browser.

        Args:
            seq: the number of the request.
            name: the name under which it is to be saved.
            data: all of it.
        """
        self._offer, self._data = {"seq": seq, "url": "", "name": name, "refusal": ""}, data

    def refuse(self, seq: int, refusal: str) -> None:
        """Let a sentence wait that says why there is no file."""
        self._offer, self._data = {"seq": seq, "url": "", "name": "", "refusal": refusal}, b""

    def drop(self, seq: int) -> None:
        """Free the file of this request: the browser has it."""
        if self._offer and self._offer["seq"] == seq:
            self._offer, self._data = None, b""
            _serve(b"")

    def offer(self) -> Offer | None:
        """Return what waits for the browser, under an address from which it can be fetched now."""
        if self._offer is None or self._offer["refusal"]:
            return self._offer
        return {**self._offer, "url": _serve(self._data)}


def shelf() -> Shelf:
    """Return this person's shelf."""
    return cast(Shelf, st.session_state.setdefault("downloads", Shelf()))


def _serve(data: bytes) -> str:
    """Return the address of bytes, relative to the app's own; what was served to this person before is freed."""
    return get_instance().media_file_mgr.add(data, _KIND, _PLACE).lstrip("/")
