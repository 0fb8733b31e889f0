"""A lens over all positions as a table: a row for each depth, a column for each token of the prompt.

Only the columns in sight are drawn, so that a long prompt scrolls smoothly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, register

_LENS_TABLE = register("lens_table")
UNKNOWN: Final = 255
"""The level of a cell without a number."""


class LensTableEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after a click on a cell; act once per `seq`."""

    row: int
    position: int
    origin: str
    seq: int


def lens_table(
    *,
    key: str,
    text: str,
    origin: str,
    tokens: Sequence[str],
    depths: Sequence[str],
    words: Sequence[str],
    ids: NDArray[np.int32],
    shares: NDArray[np.float32],
    levels: NDArray[np.uint8],
    ends: tuple[str, str],
    colour: str,
    probabilities: NDArray[np.float32],
    ranks: NDArray[np.int32],
    entropies: NDArray[np.float32],
    position: int,
) -> None:
    """Mount the table.

    Args:
        key: `st.session_state[key]["event"]` is a `LensTableEvent`.
        text: the prompt of the numbers.
        origin: the session and the model; it comes back with each event.
        tokens: the prompt's tokens, T.
        depths: short names of the rows.
        words: the labels that `ids` count in.
        ids: (rows, T, k), the likeliest tokens of each cell, best first, as places in `words`; -1 where it is unknown.
        shares: (rows, T, k), their probabilities.
        levels: (rows, T), the colours, 0 to 254; `UNKNOWN` where there is no number.
        ends: the numbers at both ends of the colours, as texts.
        colour: the meaning of the colours.
        probabilities: (rows, T), of the token that does follow; NaN where none does.
        ranks: (rows, T), its place among all; -1 where none does.
        entropies: (rows, T), in nats.
        position: the position that is followed.
    """
    data: dict[str, Any] = {
        "text": text,
        "origin": origin,
        "tokens": list(tokens),
        "depths": list(depths),
        "words": list(words),
        "count": ids.shape[-1],
        "ids": ids.ravel(),
        "shares": shares.ravel(),
        "levels": levels.ravel(),
        "ends": list(ends),
        "colour": colour,
        "probabilities": probabilities.ravel(),
        "ranks": ranks.ravel(),
        "entropies": entropies.ravel(),
        "position": position,
    }
    _LENS_TABLE(key=key, data=check_payload(data))
