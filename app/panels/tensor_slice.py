"""The matrix of a tensor that the inspector shows, and what its rows and columns are. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from app.components import Heatmap, heatmap
from gptcore import Trace
from gptcore.tokenizer import Tokenizer

Matrix = NDArray[np.floating[Any]]

POSITIONS = {"T": "token", "query": "query", "key": "key"}
"""Axes whose places are positions of the context."""
MOST_LABELS = 1024
"""Of a vocabulary, sent with each key."""
NOT_NEGATIVE = ("loss", "idx")
"""Tensors that are drawn from 0 to their largest value."""
SEQUENTIAL = ("pattern", "attn_dropout", "probs")
"""Tensors of weights between 0 and 1, by the end of their name."""


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
        """Of the whole matrix, measured once: a hover asks for one value of it."""
        return Statistics.of(self.matrix)

    def value_at(self, row: int, col: int) -> tuple[int, int, float] | None:
        """The answer to a hover; None where the matrix has meanwhile become smaller."""
        rows, cols = self.matrix.shape
        return (row, col, self.matrix[row, col].item()) if row < rows and col < cols else None

    @property
    def square(self) -> bool:
        """Whether rows and columns are the same positions, so that cells should be squares."""
        return (self.rows, self.cols) == ("query", "key")


def of_trace(trace: Trace, name: str, head: int) -> Slice:
    """A tensor of the run as a matrix: of one head where it has heads, of the first sequence of the batch."""
    axes, _ = trace.shapes()[name]
    tensor = trace[name]
    if axes[0] == "B":
        axes, tensor = axes[1:], tensor[0]
    title = name
    if axes[0] == "H":
        axes, tensor, title = axes[1:], tensor[head], f"{name}, head {head}"
    if axes == ("T", "T"):
        axes = ("query", "key")
    high = float(tensor.nan_to_num().max()) or 1.0 if name in NOT_NEGATIVE else None
    return _slice(title, axes, tensor, "sequential" if high or name.endswith(SEQUENTIAL) else "diverging", high)


def of_weight(name: str, axes: Sequence[str], weight: Tensor) -> Slice:
    """A parameter as a matrix; a vector is one row."""
    return _slice(name, tuple(axes), weight, "diverging")


def _slice(name: str, axes: Sequence[str], tensor: Tensor, scale: Any, high: float | None = None) -> Slice:
    matrix = tensor.detach().float().cpu().numpy()
    if matrix.ndim == 1:
        axes, matrix = ("", *axes), matrix[None]
    return Slice(name, matrix, axes[0], axes[1], heatmap(matrix, scale=scale, vmax=high))


def labels(axis: str, tokens: list[str], tokenizer: Tokenizer, size: int) -> list[str] | None:
    """What stands at the places of an axis: the prompt's tokens, the vocabulary, or numbers (None).

    A large vocabulary's labels do not travel: no screen has room for them, and `label` answers for one place.
    """
    if axis in POSITIONS:
        return tokens
    if axis == "V" and size <= MOST_LABELS:
        return [tokenizer.label(index) for index in range(size)]
    return [""] if axis == "" else None


def label(axis: str, tokenizer: Tokenizer, index: int) -> str | None:
    """What stands at one place of an axis whose labels did not travel; None for a number."""
    return tokenizer.label(index) if axis == "V" else None


@dataclass(frozen=True)
class Statistics:
    """Of the finite values of a matrix."""

    mean: float
    std: float
    low: float
    high: float
    others: int
    """Cells that are masked (-inf) or unknown (NaN)."""

    @classmethod
    def of(cls, matrix: Matrix) -> Statistics:
        """Measured in float64; NaN where nothing is finite."""
        finite = matrix[np.isfinite(matrix)].astype(np.float64)
        if not finite.size:
            return cls(np.nan, np.nan, np.nan, np.nan, matrix.size)
        mean, std, low, high = (float(f(finite)) for f in (np.mean, np.std, np.min, np.max))
        return cls(mean, std, low, high, matrix.size - finite.size)
