"""The matrix of a tensor that the inspector shows, and the meaning of its axes. This file knows no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.components import Heatmap, heatmap
from app.components.matrix.heatmap import few_rows
from app.panels.growing import DrawnRows, pieces, rows_of
from gptcore import Trace, architecture
from gptcore.analysis.value_weighted import value_weighted
from gptcore.tokenizer import Tokenizer

Matrix = NDArray[np.floating[Any]]

TARGET = "target"
"""The axis of a loss: the place of position t is the loss of its target, the next token."""
POSITIONS = {"T": "token", "query": "query", "key": "key", TARGET: TARGET}
"""Axes whose places are positions of the context."""
MOST_LABELS = 1024
"""Largest vocabulary whose labels are sent with each key."""
NOT_NEGATIVE = ("loss", "tokens")
"""Roles of tensors that are drawn on a scale from 0 to their largest value."""
MOST_TOKENS = 40
"""Tokens whose logits are drawn."""
PATTERNS = ("pattern", "pattern after dropout")
SEQUENTIAL = ("pattern", "pattern after dropout", "probabilities")
"""Roles of tensors with weights between 0 and 1."""


@dataclass(frozen=True)
class Slice:
    """A matrix with the meaning of its axes: "query", "key", or a letter of the map's vocabulary."""

    name: str
    matrix: Matrix
    rows: str
    cols: str
    heat: Heatmap
    tokens: tuple[int, ...] = ()
    """Tokens of the rows, where they are logits or probabilities."""
    place: tuple[int | str, ...] = ()
    """The index of a cell in the tensor: numbers, "row" and "col"; empty where cells are no numbers of the tensor."""
    source: DrawnRows | None = None
    """The rows that it was made of, for the next one."""

    def index(self, row: int, col: int) -> tuple[int, ...] | None:
        """Return the index in the tensor of a cell; None where there is none."""
        rows, cols = self.matrix.shape
        if not self.place or not (0 <= row < rows and 0 <= col < cols):
            return None
        found = {"row": self.tokens[row] if self.tokens else row, "col": col}
        return tuple(found[part] if isinstance(part, str) else part for part in self.place)

    @cached_property
    def statistics(self) -> Statistics:
        """Statistics of the whole matrix, measured once: each hover runs the page again."""
        return Statistics.of(self.matrix)

    def value_at(self, row: int, col: int) -> tuple[int, int, float] | None:
        """Return the answer to a hover; None if the matrix has meanwhile become smaller."""
        rows, cols = self.matrix.shape
        return (row, col, self.matrix[row, col].item()) if row < rows and col < cols else None

    @property
    def by_channel(self) -> bool:
        """True if a column holds the channels of one position."""
        return self.cols == "T" and self.rows != "" and not self.tokens

    @property
    def square(self) -> bool:
        """True if rows and columns are the same positions, so that cells should be squares."""
        return (self.rows, self.cols) == ("query", "key")


def of_trace(
    trace: Trace,
    name: str,
    head: int,
    by: str = "weight",
    position: int = -1,
    weights: object = None,
    before: DrawnRows | None = None,
) -> Slice:
    """Return a tensor of the run as a matrix, a position a column: of the first sequence, and of one of its heads.

    Args:
        trace: the run.
        name: the tensor.
        head: the head of a tensor that has heads.
        by: the scale of a pattern: "weight", "row" (colours alone), or "value", which weights each cell by the length
            of what it brings.
        position: of logits and probabilities only the most likely tokens after this position are drawn.
        weights: what the run's weights belong to.
        before: the last matrix that was drawn, of whatever tensor and run: what it has in common is taken over.
    """
    axes, _ = trace.shapes()[name]
    role = architecture(trace.config).nodes[name].role
    if axes[-1] == "V":
        return _of_tokens(trace, name, position)
    place: list[int | str] = [0] if axes[0] == "B" else []
    axes, title = axes[len(place) :], name
    if axes[0] == "H":
        axes, title, place = axes[1:], f"{name}, head {head}", [*place, head]
    if role in PATTERNS and by == "value":
        layer = architecture(trace.config).nodes[name].layer or 0
        lengths = value_weighted(trace, layer)[0, head].float().cpu().numpy()
        most = float(np.nanmax(lengths)) or 1.0
        return _slice(f"{title}, times the values' lengths", ("query", "key"), lengths, "sequential", most)
    if role == "loss":
        matrix, source = _losses(trace), None
    elif axes[0] != "T" or len(axes) == 1:
        tensor = trace[name][0].float().cpu().numpy()
        matrix, source = (tensor[head] if "H" in trace.shapes()[name][0] else tensor), None
    else:
        source = rows_of(trace, weights, name, head, before)
        matrix = source.rows
    if axes == ("T", "T"):
        axes, place = ("query", "key"), [*place, "row", "col"]
    elif len(axes) == 1:
        axes, place = (TARGET,) if role == "loss" else axes, [*place, "col"]
    elif axes[0] == "T":
        axes, matrix, place = (axes[1], "T"), matrix.T, [*place, "col", "row"]
    else:
        place += ["row", "col"]
    if role == "mlp hidden":
        made = _slice(title, axes, matrix, "diverging", _usual(matrix))
    else:
        high = _highest(matrix) if role in NOT_NEGATIVE else None
        scale = "sequential" if high or role in SEQUENTIAL else "diverging"
        made = _slice(title, axes, matrix, scale, high, by_row=by == "row" and role in PATTERNS)
    return replace(made, place=tuple(place), source=source)


def _losses(trace: Trace) -> Matrix:
    """Return the loss at each position, (T,), NaN at the last: from the logits of a few positions at a time."""
    ids, made = trace.ids[0], []
    for at, rows in pieces(trace, architecture(trace.config).named("logits"), 0, trace.T):
        targets = ids[at + 1 : at + 1 + rows.shape[1]]
        shares = rows[0, : len(targets)].log_softmax(dim=-1)  # (t, V)
        made.append(-shares.gather(1, targets[:, None])[:, 0])
    return torch.cat([*made, torch.full((1,), torch.nan)]).float().cpu().numpy()  # type: ignore[no-any-return]


def _usual(matrix: Matrix) -> float:
    """Return the size that 98 % of the numbers do not pass: a GELU's largest few would leave the others pale."""
    return float(np.quantile(np.abs(np.nan_to_num(matrix)), 0.98)) or _highest(matrix)


def _highest(matrix: Matrix) -> float:
    return float(np.nan_to_num(matrix).max()) or 1.0


def _of_tokens(trace: Trace, name: str, position: int) -> Slice:
    """Return the logits or probabilities of the tokens that are most likely after a position, best first."""
    arch = architecture(trace.config)
    here = trace.rows(arch.named("logits"), position % trace.T, position % trace.T + 1)[0, 0]
    best = torch.topk(here, min(MOST_TOKENS, here.numel())).indices
    rows = [rows[0][:, best] for _, rows in pieces(trace, name, 0, trace.T)]
    values = torch.cat(rows).T.float().cpu().numpy()  # (tokens, T)
    scale = "sequential" if arch.nodes[name].role in SEQUENTIAL else "diverging"
    made = _slice(name, ("V", "T"), values, scale)
    return replace(made, tokens=tuple(best.tolist()), place=(0, "col", "row"))


def of_weight(name: str, axes: Sequence[str], weight: Tensor) -> Slice:
    """Return a parameter as a matrix; a vector is one row."""
    made = _slice(name, tuple(axes), weight.detach().float().cpu().numpy(), "diverging")
    return replace(made, place=("row", "col") if weight.dim() > 1 else ("col",))


def _slice(
    name: str,
    axes: Sequence[str],
    matrix: Matrix,
    scale: Any,
    high: float | None = None,
    low: float | None = None,
    by_row: bool = False,
) -> Slice:
    if matrix.ndim == 1:
        axes, matrix = ("", *axes), matrix[None]
    return Slice(name, matrix, axes[0], axes[1], heatmap(matrix, scale=scale, vmin=low, vmax=high, by_row=by_row))


def labels(axis: str, tokens: list[str], tokenizer: Tokenizer, part: Slice, size: int) -> list[str] | None:
    """Return the labels of an axis, or None: for numbers, and for the prompt's tokens, which the page has.

    A large vocabulary's labels are not sent: no screen has room for them, and `label` answers for one place.
    """
    if axis == TARGET:
        return [*(f"→ {token}" for token in tokens[1:]), "no target yet"]
    if axis == "V" and part.tokens:
        return [tokenizer.label(index) for index in part.tokens]
    if axis == "V" and size <= MOST_LABELS:
        return [tokenizer.label(index) for index in range(size)]
    return [""] if axis == "" else None


def label(axis: str, tokenizer: Tokenizer, part: Slice, index: int) -> str | None:
    """Return the label of one place of an axis whose labels were not sent; None for a number."""
    return tokenizer.label(part.tokens[index] if part.tokens else index) if axis == "V" else None


@dataclass(frozen=True)
class Large:
    """A large number of the followed position: its channel, and of a sum its two parts."""

    channel: int
    value: float
    parts: tuple[float, ...] = ()


def largest(trace: Trace, name: str, part: Slice, position: int, count: int = 14) -> list[Large]:
    """Return the channels with the largest sizes at a position, of a tensor with a column a position.

    Of the additions to the residual stream, what came in and what was added stand beside the sum.
    """
    if not part.by_channel:
        return []
    column = np.nan_to_num(part.matrix[:, position])
    order = np.argsort(-np.abs(column), kind="stable")[:count]
    node = architecture(trace.config).nodes[name]
    parts: list[Matrix] = []
    if node.kind == "residual" and len(node.operands) == 2:
        parts = [_column(trace, each, position) for each in node.operands]
    return [Large(int(i), float(column[i]), tuple(float(each[i]) for each in parts)) for i in order]


def norms(trace: Trace, name: str, part: Slice, position: int) -> list[float]:
    """Return the length of the followed column; of an addition, of both parts before it."""
    if not part.by_channel:
        return []
    node = architecture(trace.config).nodes[name]
    parts = node.operands if node.kind == "residual" and len(node.operands) == 2 else ()
    columns = [*(_column(trace, each, position) for each in parts), part.matrix[:, position]]
    return [float(np.linalg.norm(column.astype(np.float64))) for column in columns]


def _column(trace: Trace, name: str, position: int) -> Matrix:
    rows = trace.rows(name, position, position + 1)
    return rows.flatten().float().cpu().numpy()


@dataclass(frozen=True)
class Statistics:
    """Statistics of the finite values of a matrix."""

    mean: float
    std: float
    low: float
    high: float
    others: int
    """Number of cells that are masked (-inf) or unknown (NaN)."""

    @classmethod
    def of(cls, matrix: Matrix) -> Statistics:
        """Measure a matrix in float64, a few rows at a time; NaN if no value is finite."""
        count = sum(part.size for part in _finite(matrix))
        if not count:
            return cls(np.nan, np.nan, np.nan, np.nan, matrix.size)
        mean = sum(float(part.sum(dtype=np.float64)) for part in _finite(matrix)) / count
        squares = sum(float(np.square(part - np.float64(mean)).sum()) for part in _finite(matrix))
        low, high = min(part.min() for part in _finite(matrix)), max(part.max() for part in _finite(matrix))
        return cls(mean, math.sqrt(squares / count), float(low), float(high), matrix.size - count)


def _finite(matrix: Matrix) -> Iterator[Matrix]:
    """Yield the finite values of a matrix, of a few rows at a time."""
    for rows in few_rows(matrix):
        known = np.isfinite(rows)
        if known.any():
            yield rows if known.all() else rows[known]
