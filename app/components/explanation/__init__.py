"""The origin of one number: a card with its formula, its operands, and the number computed again from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from app.components._assets import deliver, number
from app.components.live import Panel

deliver("explanation")


class ExplainOpen(TypedDict):
    """The state of `live`, under "explain", after a click in the card. Act once per `seq`.

    `open` is a tensor, with the `cell` of it to explain, or a weight to inspect; `back` goes to the number before; a
    `row` of None closes the card.
    """

    open: NotRequired[str]
    cell: NotRequired[list[int]]
    back: NotRequired[bool]
    row: NotRequired[None]
    seq: int


class CardOperand(TypedDict):
    """A slice that the number is made from."""

    name: str
    index: str
    """Its place, as people write it."""
    values: str
    """Its numbers, or the first of them."""
    count: int
    cell: list[int] | None
    """The number of it that a click leads to; None for a weight, which is shown instead."""


def explanation(
    *,
    text: str,
    name: str,
    index: Sequence[int],
    where: str,
    value: float,
    recomputed: float,
    formula: str,
    formula_key: str,
    operands: Sequence[CardOperand],
    source: str,
    back: str = "",
) -> Panel:
    """Return the card as a panel; a click on an operand or on its cross becomes an `ExplainOpen`.

    Args:
        text: the prompt.
        name: the tensor.
        index: the place in it.
        where: the place in words.
        value: the number as the run has it.
        recomputed: the number from its operands alone.
        formula: LaTeX with the numbers in it, for screen readers.
        formula_key: name of the formula's picture, an SVG that `live` keeps.
        operands: the slices that it is made from.
        source: file and lines that make it.
        back: the number that one has come from, as people write it; "" if from none.
    """
    data = {
        "text": text,
        "name": name,
        "index": list(index),
        "where": where,
        "value": number(value),
        "recomputed": number(recomputed),
        "formula": formula,
        "formula_key": formula_key,
        "operands": [dict(operand) for operand in operands],
        "source": source,
        "back": back,
    }
    return Panel("explanation", data)
