"""Numbers as bars below each other, from a common zero, each a button; with columns of words beside them, if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from app.components._assets import check_payload, register

_BARS = register("bars")


class BarRow(TypedDict):
    """A bar."""

    label: str
    value: float | str
    """Or the word of what is no number."""
    place: str
    """The word that a click reports; "" for a bar that leads nowhere."""
    total: NotRequired[bool]
    """True for the sum of the others."""
    words: NotRequired[list[list[str]]]
    """Words of each further column."""


class BarsEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after a click on a bar; act once per `seq`."""

    point: str
    origin: str
    seq: int


def bars(
    rows: Sequence[BarRow],
    *,
    key: str,
    origin: str,
    label: str,
    unit: str,
    signed: bool = True,
    columns: Sequence[str] = (),
    chosen: str = "",
) -> None:
    """Mount the bars: one stop of the Tab key, and arrows from bar to bar.

    Args:
        rows: the bars, from the top.
        key: `st.session_state[key]["event"]` is a `BarsEvent`.
        origin: the session and the model; it comes back with each event.
        label: what they are, for those who hear the page.
        unit: the unit of the numbers.
        signed: True to write the sign of a number that is above 0 too.
        columns: titles of the words' columns.
        chosen: the place of the bar that is chosen.
    """
    data = {
        "origin": origin,
        "label": label,
        "unit": unit,
        "signed": signed,
        "columns": list(columns),
        "chosen": chosen,
        "rows": [dict(row) for row in rows],
    }
    _BARS(key=key, data=check_payload(data))
