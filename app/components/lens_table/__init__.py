"""A lens over all positions as a table: a row for each depth, a column for each token of the prompt.

Only the cells in sight are drawn, on a canvas, and the colours of all kinds are in the browser: pointing, scrolling,
choosing a cell and another colour wait for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, register

_LENS_TABLE = register("lens_table")
UNKNOWN: Final = 255
"""The level of a cell without a number."""


class LensTableEvent(TypedDict, total=False):
    """The value of `st.session_state[key]["event"]`; act once per `seq`.

    `row` and `position` are of a cell to be shown on Explore; `cell` is one, (row, position), that stays beside the
    table, and `colour` another kind of colour: both are drawn already.
    """

    row: int
    position: int
    cell: tuple[int, int]
    colour: str
    origin: str
    seq: int


class Colour(TypedDict):
    """A kind of colour."""

    word: str
    """Its button."""
    meaning: str
    ends: tuple[str, str]
    """The numbers at both ends, as texts."""


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
    colours: Mapping[str, Colour],
    levels: Mapping[str, NDArray[np.uint8]],
    colour: str,
    probabilities: NDArray[np.float32],
    ranks: NDArray[np.int32],
    entropies: NDArray[np.float32],
    position: int,
    chosen: tuple[int, int] | None = None,
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
        colours: the kinds of colour, by name.
        levels: (rows, T) of each kind, 0 to 254; `UNKNOWN` where there is no number.
        colour: the kind that is chosen.
        probabilities: (rows, T), of the token that does follow; NaN where none does.
        ranks: (rows, T), its place among all; -1 where none does.
        entropies: (rows, T), in nats.
        position: the position that is followed.
        chosen: the (row, position) of the cell beside a table that comes; None for the output at that position.
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
        "colours": {name: {**each, "ends": list(each["ends"])} for name, each in colours.items()},
        "colour": colour,
        **{f"levels_{name}": each.ravel() for name, each in levels.items()},
        "probabilities": probabilities.ravel(),
        "ranks": ranks.ravel(),
        "entropies": entropies.ravel(),
        "position": position,
        "chosen": chosen and list(chosen),
    }
    _LENS_TABLE(key=key, data=check_payload(data))
