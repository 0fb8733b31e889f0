"""Small matrices as grids of cells to click: each a colour, a few letters, and what is told of it on hover.

Grids that stand in one column share their columns, so that what belongs together stands below each other. A cell of
one can be dragged onto a cell of another, or picked up and put down by click and key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import check_payload, number, register

_GRIDS = register("grids")


class Mark(TypedDict):
    """Something that is to be seen of a cell."""

    row: int
    col: int
    word: Literal["put", "after", "changed", "chosen"]
    """put: its value was put there. after: it can have changed by that. changed: what it says is another.
    chosen: it stands elsewhere on the page."""


class Grid(TypedDict):
    """A matrix."""

    id: str
    title: str
    note: NotRequired[str]
    """A sentence beside the title."""
    rows: list[str]
    """A label for each row."""
    cols: list[str]
    """A label for each column."""
    first: NotRequired[int]
    """Position of the first column in the prompt; 0 as usual."""
    apart: NotRequired[list[int]]
    """Columns whose label is to be seen as another one than in the grid beside it."""
    values: list[list[float]]
    """Numbers behind the colours, [row][col]; NaN where there is none."""
    texts: NotRequired[list[list[str]]]
    """The text of each cell; without it, the numbers."""
    hints: NotRequired[list[list[str]]]
    """A sentence for each cell, told on hover; without it, the numbers."""
    scale: NotRequired[Literal["sequential", "diverging"]]
    """sequential: from 0 to `high`. diverging, the usual one: from -`high` to `high`."""
    high: NotRequired[float]
    """The end of the scale; 1 as usual."""
    marks: NotRequired[list[Mark]]
    wide: NotRequired[bool]
    """True for a grid that stands in a line of its own."""
    code: NotRequired[str]
    """Python that makes the numbers."""
    action: NotRequired[str]
    """The word of a button beside the title, which keeps what was put into the grid."""


class Listed(TypedDict):
    """Something that was put, and can be taken away."""

    key: str
    words: str


class GridsEvent(TypedDict):
    """The value of `st.session_state[key]["event"]`; act once per `seq`.

    cell: the cell at `at` was clicked. put: what stands at `at` was put down at `to`. remove: `key` is to be taken
    away. clear: all of them. keep: what was put into the grid `key` is to stay. Places are [grid, row, col].
    """

    kind: str
    at: list[object]
    to: list[object]
    key: str
    origin: str
    seq: int


def grids(
    grids: Sequence[Grid],
    *,
    key: str,
    text: str,
    origin: str,
    label: str,
    aligned: bool = False,
    drags: bool = False,
    listed: Sequence[Listed] = (),
    told: str = "",
    narrowest: int = 36,
    widest: int = 110,
) -> None:
    """Mount grids of cells.

    Args:
        grids: the matrices.
        key: `st.session_state[key]["event"]` is a `GridsEvent`.
        text: the prompt of the numbers.
        origin: the session and the model; it comes back with each event.
        label: the name of all of them together.
        aligned: True for grids below each other with the same columns; False for grids beside each other.
        drags: True if cells can be dragged from one grid to another; else a click reports the cell.
        listed: what was put.
        told: a sentence before the grids.
        narrowest: the smallest width of a cell in pixels; what has no room then scrolls.
        widest: the largest width of a cell in pixels.

    Raises:
        ValueError: a matrix that has not a value for each row and column.
    """
    for grid in grids:
        shapes = [len(grid["values"]), *{len(row) for row in grid["values"]}]
        if shapes != [len(grid["rows"]), len(grid["cols"])]:
            raise ValueError(
                f"grid {grid['id']!r} has {len(grid['rows'])} rows and {len(grid['cols'])} columns, but its values "
                f"have the shape {shapes}; give one value for each"
            )
    data = {
        "text": text,
        "origin": origin,
        "label": label,
        "aligned": aligned,
        "drags": drags,
        "told": told,
        "narrowest": narrowest,
        "widest": widest,
        "listed": [dict(each) for each in listed],
        "grids": [
            {**grid, "values": [[number(value) for value in row] for row in grid["values"]], "marks": _marks(grid)}
            for grid in grids
        ],
    }
    _GRIDS(key=key, data=check_payload(data))


def _marks(grid: Grid) -> list[dict[str, object]]:
    return [dict(mark) for mark in grid.get("marks", [])]
