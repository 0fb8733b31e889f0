"""The logit lens: what the model would say after each block, for the position that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import deliver, number
from app.components.explore_panels import Panel

deliver("lens")


class LensToken(TypedDict):
    """A token that would be said."""

    id: int
    label: str
    probability: float


class LensRow(TypedDict):
    """A depth of the model."""

    name: str
    """The tensor that is read."""
    label: str
    mid: bool
    """True between a block's attention and its MLP: not in the table."""
    top: list[LensToken]
    """The most likely tokens, best first."""


class LensEvent(TypedDict):
    """The state of `explore_panels` after a click on a cell, or while a large model's lens is wanted.

    select: inspect the residual stream `id`. read: compute the lens of this prompt here. Act once per `seq`.
    """

    kind: str
    id: str
    text: str
    position: int
    seq: int


def lens(*, text: str, position: int, token: str, rows: Sequence[LensRow] | None, ack: int = 0) -> Panel:
    """Return the table as a panel; a click on a cell becomes a `LensEvent`.

    Args:
        text: the prompt on the screen.
        position: the position of the context that is followed.
        token: the label of the token there.
        rows: the depths, the embedding first, the output last; None while they are not computed: the browser asks for
            them when typing pauses.
        ack: `seq` of the last `LensEvent` that was processed.
    """
    told = None
    if rows is not None:
        told = [
            {**row, "top": [{**each, "probability": number(each["probability"])} for each in row["top"]]}
            for row in rows
        ]
    return Panel("lens", {"text": text, "position": position, "token": token, "rows": told, "ack": ack})
