"""All heads as a table that is sorted and filtered in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from app.components._assets import check_payload, register

_TABLE = register("head_table")


class TableColumn(TypedDict):
    """A column of numbers."""

    name: str
    label: str
    about: str
    chance: float | str
    """The level by chance; NaN, as `number` writes it, where there is none."""


class TableRow(TypedDict):
    """A head."""

    layer: int
    head: int
    kind: str
    sink: bool
    values: list[float | str]
    """A number of each column, as `number` writes it."""


class TableEvent(TypedDict):
    """The state of the table after a click on a head, under "event"; act once per `seq`."""

    point: str
    form: NotRequired[bool]
    """True where the form of changes is to be opened for it."""
    seq: int


def head_table(
    *, key: str, columns: Sequence[TableColumn], rows: Sequence[TableRow], selected: tuple[int, int]
) -> None:
    """Mount the table. It reports a `TableEvent`, and while a row is pointed at, the browser hears "gptscope:point".

    Args:
        key: key of the component.
        columns: the scores.
        rows: the heads.
        selected: the (layer, head) of which more is shown beside.
    """
    data = {"columns": list(columns), "rows": list(rows), "selected": list(selected)}
    _TABLE(key=key, data=check_payload(data))
