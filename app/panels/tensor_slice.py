"""The matrix of a tensor that the inspector shows, and the meaning of its axes. This file knows no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from app.components import Heatmap, heatmap
from gptcore import Trace, architecture
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

    @cached_property
    def statistics(self) -> Statistics:
        """Statistics of the whole matrix, measured once: each hover runs the page again."""
        return Statistics.of(self.matrix)

    def value_at(self, row: int, col: int) -> tuple[int, int, float] | None:
        """Return the answer to a hover; None if the matrix has meanwhile become smaller."""
        rows, cols = self.matrix.shape
        return (row, col, self.matrix[row, col].item()) if row < rows and col < cols else None

    @property
    def square(self) -> bool:
        """True if rows and columns are the same positions, so that cells should be squares."""
        return (self.rows, self.cols) == ("query", "key")


def of_trace(trace: Trace, name: str, head: int) -> Slice:
    """Return a tensor of the run as a matrix: of the first sequence of the batch, and of one head if it has heads."""
    axes, _ = trace.shapes()[name]
    tensor = trace[name]
    if axes[0] == "B":
        axes, tensor = axes[1:], tensor[0]
    title = name
    if axes[0] == "H":
        axes, tensor, title = axes[1:], tensor[head], f"{name}, head {head}"
    if axes == ("T", "T"):
        axes = ("query", "key")
    role = architecture(trace.config).nodes[name].role
    if role == "loss":
        axes = (TARGET,)
    high = float(tensor.nan_to_num().max()) or 1.0 if role in NOT_NEGATIVE else None
    return _slice(title, axes, tensor, "sequential" if high or role in SEQUENTIAL else "diverging", high)


def of_weight(name: str, axes: Sequence[str], weight: Tensor) -> Slice:
    """Return a parameter as a matrix; a vector is one row."""
    return _slice(name, tuple(axes), weight, "diverging")


def _slice(name: str, axes: Sequence[str], tensor: Tensor, scale: Any, high: float | None = None) -> Slice:
    matrix = tensor.detach().float().cpu().numpy()
    if matrix.ndim == 1:
        axes, matrix = ("", *axes), matrix[None]
    return Slice(name, matrix, axes[0], axes[1], heatmap(matrix, scale=scale, vmax=high))


def labels(axis: str, tokens: list[str], tokenizer: Tokenizer, size: int) -> list[str] | None:
    """Return the labels of an axis: the prompt's tokens, the vocabulary, or None for numbers.

    A large vocabulary's labels are not sent: no screen has room for them, and `label` answers for one place.
    """
    if axis == TARGET:
        return [*(f"→ {token}" for token in tokens[1:]), "no target yet"]
    if axis in POSITIONS:
        return tokens
    if axis == "V" and size <= MOST_LABELS:
        return [tokenizer.label(index) for index in range(size)]
    return [""] if axis == "" else None


def label(axis: str, tokenizer: Tokenizer, index: int) -> str | None:
    """Return the label of one place of an axis whose labels were not sent; None for a number."""
    return tokenizer.label(index) if axis == "V" else None


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
        """Measure a matrix in float64; NaN if no value is finite."""
        finite = matrix[np.isfinite(matrix)].astype(np.float64)
        if not finite.size:
            return cls(np.nan, np.nan, np.nan, np.nan, matrix.size)
        mean, std, low, high = (float(f(finite)) for f in (np.mean, np.std, np.min, np.max))
        return cls(mean, std, low, high, matrix.size - finite.size)
