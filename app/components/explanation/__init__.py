"""The origin of one number: a card with its formula, its operands, and the number computed again from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from numpy.typing import NDArray

from app.components._assets import deliver, number
from app.components.explore_panels import Panel

deliver("explanation")


class ExplainOpen(TypedDict):
    """The state of `explore_panels`, under "explain", after a click in the card. Act once per `seq`.

    `formula` is the name of an equation that is to be drawn, as the page does not have its picture; `open` is a tensor
    or a weight, with the `cell` of it to explain, or without to inspect it; `anew` begins another way there; `back` is
    the place in `trail` of a number to go back to; a `row` of None closes the card; `change` opens the form that
    changes the number.
    """

    formula: NotRequired[str]
    open: NotRequired[str]
    cell: NotRequired[list[int]]
    anew: NotRequired[bool]
    back: NotRequired[int]
    row: NotRequired[None]
    change: NotRequired[bool]
    seq: int


class CardOperand(TypedDict):
    """A slice that the number is made from, or of a weight a node that uses it."""

    name: str
    index: str
    """Its place, as people write it."""
    values: str
    """Its numbers, or the first of them."""
    count: int
    cell: list[int] | None
    """The number of it that a click leads to; None to inspect it as a whole."""


class CardFeed(TypedDict):
    """A tensor of the run that the number is made from, on the map."""

    tensor: str
    line: str | None
    """The line of the strips that shows it; None where none does."""
    first: int
    """The first position of the context that is read of it."""
    last: int


class CardPicture(TypedDict):
    """Strips of numbers above each other, with the same places; what is drawn comes as one array beside it."""

    strips: list[dict[str, Any]]
    """`name`; `count`, how many numbers; `form`, "bars" or "line"; `open`, what a click on a place leads to, or "";
    `cell`, that place in it, with None where the place in the picture goes."""
    axis: str
    """The meaning of a place; "token" for the prompt's."""
    labels: list[str]
    """Names of the places; empty for numbers and the prompt's tokens."""
    places: list[int]
    """The index of each place; empty where it is its own number."""
    chosen: int | None
    """The place of the number itself."""
    marks: list[list[Any]]
    """[name, level] of lines across the first strip."""
    facts: list[list[Any]]
    """[name, number] of the steps on the way."""


def explanation(
    *,
    text: str,
    name: str,
    index: Sequence[int],
    sentence: str,
    value: float,
    recomputed: float | None,
    difference: float,
    formula: str,
    formula_key: str,
    operands: Sequence[CardOperand],
    picture: CardPicture,
    numbers: NDArray[Any],
    code: str,
    source: str,
    trail: Sequence[str] = (),
    feeds: Sequence[CardFeed] = (),
    changed: str = "",
) -> Panel:
    """Return the card as a panel; a click on an operand, a bar, the way back or the cross becomes an `ExplainOpen`.

    Args:
        text: the prompt.
        name: the tensor or the weight.
        index: the place in it.
        sentence: what the number is, in words.
        value: the number as the run, or the model, has it.
        recomputed: the number from its operands alone; None for a trained number.
        difference: how far these two are apart.
        formula: LaTeX with the numbers in it, for screen readers; "" for a trained number.
        formula_key: name of the formula's picture, an SVG that `explore_panels` keeps.
        operands: the slices that it is made from; of a trained number the nodes that use it.
        picture: what is drawn.
        numbers: the numbers of the strips, one strip after the other, float32; where there are none, the points x, y,
            x, y, … of a curve, the number itself last.
        code: Python that reproduces it.
        source: file and lines that make it.
        trail: the numbers that one has come from, as people write them, first to last.
        feeds: where the operands stand on the map.
        changed: a sentence on what a change of the run does to the number; "" for nothing.
    """
    data = {
        "text": text,
        "name": name,
        "index": list(index),
        "sentence": sentence,
        "value": number(value),
        "recomputed": None if recomputed is None else number(recomputed),
        "difference": number(difference),
        "formula": formula,
        "formula_key": formula_key,
        "operands": [dict(operand) for operand in operands],
        "picture": {**picture, "marks": [[name, number(level)] for name, level in picture["marks"]]},
        "numbers": numbers,
        "code": code,
        "source": source,
        "trail": list(trail),
        "feeds": [dict(feed) for feed in feeds],
        "changed": changed,
    }
    return Panel("explanation", data)
