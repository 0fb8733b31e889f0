"""The tokens of a prompt, each coloured by a number of its position: blue below zero, orange above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, register

_TOKEN_MARKS = register("token_marks")


class TokenMarksEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after a click on a token; act once per `seq`."""

    position: int
    origin: str
    seq: int


def token_marks(
    *, key: str, text: str, origin: str, tokens: Sequence[str], values: NDArray[np.float32], what: str, position: int
) -> None:
    """Mount the tokens.

    Args:
        key: `st.session_state[key]["event"]` is a `TokenMarksEvent`.
        text: the prompt of the numbers.
        origin: the session and the model; it comes back with each event.
        tokens: the tokens, T.
        values: a number for each, (T,).
        what: the meaning of the numbers.
        position: the position that is followed.
    """
    data = {
        "text": text,
        "origin": origin,
        "tokens": list(tokens),
        "values": values,
        "largest": float(np.abs(values).max(initial=0.0)),
        "what": what,
        "position": position,
    }
    _TOKEN_MARKS(key=key, data=check_payload(data))
