"""Any matrix as a heatmap with tokens on its axes, a crosshair, and the true value of the cell under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, length, number, register
from app.components.explore_panels import Panel
from app.components.matrix.heatmap import Heatmap, Scale, heatmap

__all__ = ["Cell", "Heatmap", "MatrixEvent", "Scale", "heatmap", "matrix", "matrix_alone"]

_ALONE = register("matrix")

MOST_CELLS = 90_000
"""Largest number of cells that are sent of a part of a larger matrix."""


class Cell(TypedDict):
    """A place in the matrix, both from 0."""

    row: int
    col: int


class Largest(TypedDict):
    """A large number of a column."""

    channel: int
    value: float
    parts: tuple[float, ...]
    """Parts that a sum is made from."""


class ExplainEvent(TypedDict):
    """The state of `explore_panels`, under "explain", after a click on a cell of matrix `name`; or on none."""

    name: str
    row: int | None
    col: int | None
    cut: NotRequired[bool]
    """True where its edge is to be cut instead."""
    drawn: NotRequired[list[float]]
    """The weights of the row, from its first to its own position, as they were drawn; then there is no `col`."""
    seq: int


class MatrixEvent(TypedDict):
    """The state of `explore_panels`, and under "event" that of `matrix_alone`.

    It is not an action but a state, so that a repeated message does no harm.

    `hover` is the cell whose value the browser asks for, if it has only pixels: answer with `value_at`. `name` is the
    matrix of both cells: ignore them if another one is shown now. `part` is what one has zoomed to in a matrix that was
    sent as pixels, as [row, col, rows, cols], or None. Send `seq` back as `ack`.
    """

    name: str
    hover: Cell | None
    pin: Cell | None
    part: list[int] | None
    seq: int


def matrix(
    *,
    text: str | None,
    name: str,
    heat: Heatmap,
    row_axis: str,
    col_axis: str,
    row_labels: Sequence[str] | None = None,
    col_labels: Sequence[str] | None = None,
    row_ids: Sequence[int] | None = None,
    row_tokens: bool = False,
    col_tokens: bool = False,
    join: str = " → ",
    square: bool = False,
    causal: bool = False,
    gamma: float = 0.5,
    value_at: tuple[int, int, float] | None = None,
    labels_at: tuple[str | None, str | None] = (None, None),
    ack: int = 0,
    note: str = "",
    panel: str = "inspector",
    height: int | str = "100%",
    position: int | None = None,
    locked: bool = False,
    line: NDArray[np.float32] | None = None,
    tensor: str = "",
    layer: int | None = None,
    head: int | None = None,
    plot: str = "grid",
    by: str = "weight",
    scales: bool = False,
    explains: bool = False,
    cuts: bool = False,
    draws: bool = False,
    cut: Sequence[tuple[int, int]] = (),
    off: str = "",
    pin: tuple[int, int] | None = None,
    cells: NDArray[np.float32] | None = None,
    cells_at: tuple[int, int, int, int] | None = None,
    largest: Sequence[Largest] = (),
    norms: Sequence[float] = (),
    texts: Sequence[int] | None = None,
    placed: bool = False,
) -> Panel:
    """Return the heatmap as a panel; a click, or a hover that the browser cannot answer, becomes a `MatrixEvent`.

    Args:
        text: the prompt of the values; None if they belong to no prompt of this page.
        name: name of the matrix, such as "transformer.h.0.attn.pattern, head 1"; a new name clears pin and crosshair.
        heat: result of `heatmap(...)`.
        row_axis: name of the rows' axis, such as "query", "token", "C".
        col_axis: the same for the columns.
        row_labels: one label a row, or None: the prompt's tokens for `row_tokens`, else numbers.
        col_labels: the same for the columns.
        row_ids: of rows that are tokens of the vocabulary, their ids: the readout tells these in place of the row.
        row_tokens: True if rows are positions of the context: a hover on one highlights it in all panels.
        col_tokens: the same for the columns.
        join: text between the two places in the readout: "query 'b' (11) → key 'T' (0): 0.4132".
        square: True for cells as wide as high, for patterns.
        causal: True where cells above the diagonal are masked, though they hold a 0.
        gamma: exponent of the sequential scale's colour, weight ** gamma. The legend shows it.
        value_at: (row, col, value), the answer to a hover on a matrix that was sent as pixels.
        labels_at: the row's and the column's label of that cell, if `row_labels` or `col_labels` is None.
        ack: `seq` of the last `MatrixEvent` that was processed.
        note: line that is shown without a hover.
        panel: the panel's name for tests.
        height: pixels or any CSS length.
        position: the position of the context that is followed, framed in rows or columns of tokens; None for none.
        locked: True if a person has locked it.
        line: of a large pattern, the weights of the followed row.
        tensor: id of the drawn tensor, or key of the weight.
        layer: its block.
        head: its head.
        plot: "grid" or "links".
        by: the chosen scale, a word of `Look.scale`; "row" lets the colours of each row end at its largest value.
        scales: True to offer the scales of a pattern.
        explains: True if a click on a cell asks for an explanation.
        cuts: True if a click on a cell cuts the edge between its tokens instead.
        draws: True if a drag on a cell gives it another weight, for which the others of its row make room.
        cut: (row, column) of each cell whose edge is cut: its 0 is no weight that happens to be small.
        off: what is switched off, in words, if nothing reads these numbers: they are drawn pale. "" where they count.
        pin: (row, column) of the cell that is explained.
        cells: the cells of a part of a matrix that is sent as pixels, flat.
        cells_at: that part: (row, column, rows, columns).
        largest: the channels with the largest numbers of the followed column.
        norms: the length of that column; of a sum, of what came in, what was added, and the sum.
        texts: token ids to write as text in place of the plot.
        placed: True to name the position of each token whose label the axis has more than once.
    """
    for labels, size, axis in ((row_labels, heat.rows, "row"), (col_labels, heat.cols, "column")):
        if labels is not None and len(labels) != size:
            raise ValueError(f"{len(labels)} {axis} labels for {size} {axis}s; give one label for each {axis}")
    data = {
        **({} if text is None else {"text": text}),
        "name": name,
        "rows": heat.rows,
        "cols": heat.cols,
        "p_rows": heat.p_rows,
        "p_cols": heat.p_cols,
        "scale": heat.scale,
        "vmin": heat.vmin,
        "vmax": heat.vmax,
        "row_axis": row_axis,
        "col_axis": col_axis,
        "row_labels": None if row_labels is None else list(row_labels),
        "col_labels": None if col_labels is None else list(col_labels),
        "row_ids": None if row_ids is None else list(row_ids),
        "row_tokens": row_tokens,
        "col_tokens": col_tokens,
        "join": join,
        "square": square,
        "causal": causal,
        "gamma": gamma,
        "cell": value_at
        and {"row": value_at[0], "col": value_at[1], "value": number(value_at[2]), "labels": list(labels_at)},
        "ack": ack,
        "note": note,
        "panel": panel,
        "height": length(height),
        "position": position,
        "locked": locked,
        "tensor": tensor or name,
        "layer": layer,
        "head": head,
        "plot": plot,
        "by": by,
        "by_row": by == "row" and scales,
        "scales": scales,
        "explains": explains,
        "cells_at": None if cells_at is None else list(cells_at),
        **({} if cells is None else {"cells": cells}),
        "largest": [
            {**each, "value": number(each["value"]), "parts": [number(part) for part in each["parts"]]}
            for each in largest
        ],
        "norms": [number(norm) for norm in norms],
        "texts": None if texts is None else list(texts),
        "pinned": None if pin is None else {"row": pin[0], "col": pin[1]},
        **({"cut": [list(cell) for cell in cut]} if cut else {}),
        **({} if line is None else {"line": line}),
        **({"values": heat.values} if heat.values is not None else {"pixels": heat.pixels}),
    }
    if cuts:
        data["cuts"] = True
    if draws:
        data["draws"] = True
    if off:
        data["off"] = off
    if placed:
        data["placed"] = True
    return Panel("matrix", data)


def matrix_alone(panel: Panel, *, key: str) -> None:
    """Mount a heatmap by itself, on a page whose panels do not go by `explore_panels`."""
    _ALONE(key=key, data=check_payload(panel.data))
