"""The heads behind a prediction as a list, each with a switch, below what the model says with them and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import check_payload, register

_RANKING = register("head_ranking")


class SaidToken(TypedDict):
    """A token that the model may say next, with its probabilities, as `number` writes them."""

    token: str
    before: float | str
    """Its probability without any change."""
    after: float | str | None
    """Its probability with the changes; None where none is on."""


class ReadToken(TypedDict):
    """A token that a head reads, and how much of its attention it has."""

    token: str
    at: int
    again: bool
    """True where the prompt has the token more than once."""
    weight: float | str


class RankedHead(TypedDict):
    """A head. Numbers are as `number` writes them."""

    layer: int
    head: int
    kind: str
    """The kind of attention that it pays on this prompt; "" for none that has a name."""
    reads: list[ReadToken]
    lost: float | str
    """The loss of the token that is gained without it, in nats."""
    without: float | str
    """The token's probability without it."""
    off: bool


class HeadRankingEvent(TypedDict, total=False):
    """The value of `st.session_state[key]["event"]`; act once per `seq`.

    head: the head is chosen. off: it is to be switched off, or on again. form: the form of changes is to be
    opened for it. back: all changes are to be taken back. explore: they are to be seen on Explore.
    """

    kind: str
    layer: int
    head: int
    origin: str
    seq: int


def head_ranking(
    *,
    key: str,
    text: str,
    origin: str,
    token: str,
    after: str,
    again: bool,
    position: int,
    said: Sequence[SaidToken],
    changes: str,
    told: str,
    heads: Sequence[RankedHead],
    left_out: int,
    selected: tuple[int, int],
) -> None:
    """Mount the list: one stop of the Tab key, and arrows from button to button.

    Args:
        key: `st.session_state[key]["event"]` is a `HeadRankingEvent`.
        text: the prompt of the numbers.
        origin: the session and the model; it comes back with each event.
        token: the token whose loss and probability the numbers are of.
        after: the token whose prediction it is.
        again: True where the prompt has that token more than once.
        position: its position.
        said: the likeliest tokens.
        changes: the changes that are on, in words; "" for none.
        told: a sentence on what the changes do.
        heads: the heads, the first one first.
        left_out: how many more there are.
        selected: the (layer, head) of which more is shown beside.
    """
    data = {
        "text": text,
        "origin": origin,
        "token": token,
        "after": after,
        "again": again,
        "position": position,
        "said": [dict(each) for each in said],
        "changes": changes,
        "told": told,
        "heads": [dict(each) for each in heads],
        "left_out": left_out,
        "selected": list(selected),
    }
    _RANKING(key=key, data=check_payload(data))
