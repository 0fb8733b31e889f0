"""Inputs over targets shifted by one, the loss at each position as a coloured strip, and what was guessed instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import check_payload, number, register

_LOSSES = register("losses")


class Position(TypedDict):
    """One position. Without a target, all that tells of it is None."""

    token: str
    target: str | None
    loss: float | None
    """In nats."""
    probability: float | None
    rank: int | None
    best: str
    """The most probable token, and its probability."""
    best_probability: float
    missing: str
    """Why there is no target; empty where there is one."""


def losses(*, key: str, text: str, positions: Sequence[Position], mean: float, perplexity: float, blind: float) -> None:
    """Mount the view.

    Args:
        key: of the component.
        text: the prompt that the numbers belong to.
        positions: all of the run, as they shall be read; white space is made visible here.
        mean: of the losses that are there, in nats.
        perplexity: exp of it.
        blind: the loss of guessing among all tokens alike, ln V: the colour scale ends there.
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
