"""Inputs over targets shifted by one, the loss at each position as a coloured strip, and the model's best guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import check_payload, number, register

_LOSSES = register("losses")


class Position(TypedDict):
    """A position. Without a target, `target`, `loss`, `probability` and `rank` are None."""

    token: str
    target: str | None
    loss: float | None
    """Loss in nats."""
    probability: float | None
    rank: int | None
    best: str
    """Most probable token."""
    best_probability: float
    missing: str
    """Reason of a missing target; "" if there is one."""


def losses(*, key: str, text: str, positions: Sequence[Position], mean: float, perplexity: float, blind: float) -> None:
    """Mount the view.

    Args:
        key: key of the component.
        text: the prompt of the numbers.
        positions: all positions of the run; the component makes white space visible.
        mean: mean of the losses that are not None, in nats.
        perplexity: exp(mean).
        blind: loss of a uniform guess, ln V: the end of the colour scale.
    """
    rows = [
        {**row, "loss": _known(row["loss"]), "probability": _known(row["probability"]),
         "best_probability": number(row["best_probability"])}
        for row in positions
    ]  # fmt: skip
    numbers = {"mean": number(mean), "perplexity": number(perplexity), "blind": blind}
    _LOSSES(key=key, data=check_payload({"text": text, "positions": rows, **numbers}))


def _known(value: float | None) -> float | str | None:
    return None if value is None else number(value)
