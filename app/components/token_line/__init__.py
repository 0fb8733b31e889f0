"""The prompt in one line, a button a token: the one whose prediction is looked at is pressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import check_payload, register

_LINE = register("token_line")


class TokenLineEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after a click on a token; act once per `seq`."""

    position: int
    origin: str
    seq: int


def token_line(
    *,
    key: str,
    text: str,
    origin: str,
    tokens: Sequence[str],
    cropped: int,
    position: int,
    says: str,
    without: str | None,
) -> None:
    """Mount the line: one stop of the Tab key, and arrows from token to token.

    Args:
        key: `st.session_state[key]["event"]` is a `TokenLineEvent`.
        text: the prompt.
        origin: the session and the model; it comes back with each event.
        tokens: the tokens that the model sees.
        cropped: the tokens of the prompt before them.
        position: the position that is followed.
        says: the token that the model expects there, with the changes that are on.
        without: the token that it expects there without them; None where no change is on.
    """
    data = {
        "text": text,
        "origin": origin,
        "tokens": list(tokens),
        "cropped": cropped,
        "position": position,
        "says": says,
        "without": without,
    }
    _LINE(key=key, data=check_payload(data))
