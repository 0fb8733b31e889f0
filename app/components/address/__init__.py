"""The address of the page: it follows the state, and the browser's back and forward lead to the states before."""

from __future__ import annotations

from typing import TypedDict

from app.components._assets import check_payload, register

_ADDRESS = register("address")


class AddressEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after back or forward: show that state, once per `seq`."""

    go: str
    seq: int


class Note(TypedDict):
    """A sentence to tell once, in a line over the page."""

    number: int
    """A number that is larger than that of the note before."""
    text: str


def address(*, key: str, origin: str, state: str, ack: int, note: Note | None) -> None:
    """Mount the address. Invisible.

    Args:
        key: `st.session_state[key]["event"]` is the last `AddressEvent`.
        origin: the session and the model that the page shows.
        state: the state as query parameters; "" for one that has no room in an address.
        ack: `seq` of the newest event of this component or of `reconnect` that was followed.
        note: a sentence to tell.
    """
    data = {"origin": origin, "state": state, "ack": ack, "note": dict(note) if note else None}
    _ADDRESS(key=key, data=check_payload(data))
