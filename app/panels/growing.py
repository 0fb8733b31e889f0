"""Rows that a longer run has in common with one that was drawn before: a key costs its own tokens. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gptcore import Trace, architecture
from gptcore.capture.ids import common_prefix
from gptcore.capture.pauses import pause

Matrix = NDArray[np.floating[Any]]

PIECE: Final = 500_000
"""Numbers of a tensor that are computed at a time: a whole one may be many times what is drawn of it.

They take less memory than what `app.stores.allocator` has given back at once: each piece finds the last one's again.
"""
WIDE: Final = 4_000_000
"""The same of a tensor with a number for each token of the vocabulary: its whole weight is read for each piece."""
FUTURE = {"pattern": 0.0, "pattern after dropout": 0.0, "masked scores": -np.inf}
"""Values above the diagonal of a tensor with this role, so that earlier rows are known in a longer run."""


@dataclass(frozen=True)
class DrawnRows:
    """A matrix of one tensor and head, a row a position, as it was drawn of a run."""

    trace: Trace
    weights: object
    """Owner of the run's weights."""
    name: str
    head: int
    rows: Matrix


def common(one: Trace, other: Trace) -> int:
    """Return how many positions two runs of the same weights have in common: a position sees those before it alone."""
    if one is other:
        return one.T
    return common_prefix(one.ids, other.ids) if one.edits == other.edits else 0


def pieces(trace: Trace, name: str, start: int, stop: int) -> Iterator[tuple[int, Tensor]]:
    """Yield the rows of a tensor from `start` to `stop` in pieces, each with its first position, as `Trace.rows`.

    Between two of them, the one who computes may be held up.
    """
    axes, shape = trace.shapes()[name]
    loss = architecture(trace.config).nodes[name].role == "loss"  # a number that is made of a row of logits
    row = trace.config.vocab_size if loss else math.prod(shape) // shape[axes.index("T")]
    count = max(1, (WIDE if loss or axes[-1] == "V" else PIECE) // max(1, row))
    for at in range(start, stop, count):
        yield at, trace.rows(name, at, min(at + count, stop))
        pause()


def rows_of(trace: Trace, weights: object, name: str, head: int, before: DrawnRows | None) -> DrawnRows:
    """Return the rows of a tensor that has positions along its rows; those that `before` has are taken over.

    Args:
        trace: the run.
        weights: what the run's weights belong to.
        name: a tensor with the axes (T, X), after the batch and the head.
        head: its head, where it has heads.
        before: the last matrix that was drawn, of whatever tensor and run.
    """
    axes, _ = trace.shapes()[name]
    node = architecture(trace.config).nodes[name]
    square = axes[-2:] == ("T", "T")
    keep = 0
    same = before is not None and (before.weights, before.name, before.head) == (weights, name, head)
    if before is not None and same and (not square or node.role in FUTURE):
        keep = common(before.trace, trace)
    old = before.rows[:keep] if before is not None else np.zeros((0, 0), np.float32)
    if keep == trace.T:
        return DrawnRows(trace, weights, name, head, old[:, : trace.T] if square else old)
    found: Matrix | None = None
    for at, rows in pieces(trace, name, keep, trace.T):
        rows = rows[0] if axes[0] == "B" else rows
        made = (rows[head] if "H" in axes else rows).float().cpu().numpy()
        if at == keep == 0 and len(made) == trace.T:
            return DrawnRows(trace, weights, name, head, made)
        if found is None:  # written in place, piece by piece: of a long prompt it is large
            found = np.empty((trace.T, made.shape[1]), made.dtype)
            if keep:
                known = keep if square else made.shape[1]
                found[:keep, :known], found[:keep, known:] = old[:, :known], FUTURE.get(str(node.role), 0.0)
        found[at : at + len(made)] = made
    assert found is not None, "there are rows behind those that are kept"
    return DrawnRows(trace, weights, name, head, found)
