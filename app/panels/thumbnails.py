"""Every head's pattern as a small picture, updated from only the new rows. This file knows no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.components.heads import FULL, MAX_SIZE, UNKNOWN
from gptcore import Trace, architecture


@dataclass(frozen=True)
class Thumbnails:
    """Patterns of all heads, max-pooled: each pixel is the largest weight of a block of cells."""

    weights: NDArray[np.float32]
    """Largest weights (L, H, n, n), n <= MAX_SIZE; rows are queries."""
    block: int
    """Number of cells along a pixel's side, a power of two, so that a coarser picture can be made from this one."""
    T: int

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture: 0 for a weight of 0, FULL for a weight of 1, UNKNOWN for NaN."""
        unknown = np.isnan(self.weights)
        return np.where(unknown, UNKNOWN, np.rint(np.where(unknown, 0, self.weights) * FULL)).astype(np.uint8)


def block_for(T: int) -> int:
    """Return the smallest power of two with which T cells fit into MAX_SIZE pixels.

    >>> block_for(40), block_for(41), block_for(1024)
    (1, 2, 32)
    """
    block = 1
    while -(-T // block) > MAX_SIZE:
        block *= 2
    return block


def update(previous: Thumbnails | None, trace: Trace) -> Thumbnails:
    """Return the thumbnails of a trace. `previous` are those of the trace from which this one was extended.

    A row of pixels is drawn again if one of its cells is new; rows before `trace.reused` are reused.
    """
    block = block_for(trace.T)
    size = -(-trace.T // block)
    shape = (trace.config.n_layer, trace.config.n_head, size, size)
    if previous is None or not trace.reused or previous.block > block:
        return _draw(np.zeros(shape, np.float32), block, 0, trace)
    old = previous.weights
    for _ in range((block // previous.block).bit_length() - 1):
        old = _halve(old)
    weights = np.zeros(shape, np.float32)
    if trace.reused == previous.T:  # appended: the last row of pixels is the largest of its old and its new cells
        keep = old.shape[2]
        weights[:, :, :keep, :keep] = old
        return _draw(weights, block, trace.reused, trace)
    keep = min(trace.reused // block, size)  # whole rows of pixels that are the same
    weights[:, :, :keep, :keep] = old[:, :, :keep, :keep]
    return _draw(weights, block, keep * block, trace)


def _draw(weights: NDArray[np.float32], block: int, start: int, trace: Trace) -> Thumbnails:
    """Raise the pixels to the weights of the queries from `start` on."""
    if start < trace.T:
        arch, first, before = architecture(trace.config), start // block, start % block
        for layer in range(trace.config.n_layer):
            rows = trace.rows(arch.named("pattern", layer), start, trace.T)[0]  # (H, t, T)
            fresh = _pool(rows.float().cpu().numpy(), block, before)
            weights[layer, :, first:] = np.maximum(weights[layer, :, first:], fresh)
    return Thumbnails(weights, block, trace.T)


def _pool(rows: NDArray[np.float32], block: int, before: int = 0) -> NDArray[np.float32]:
    """Pool (H, t, T) to a pixel for each block of rows and columns, the largest of each.

    Args:
        before: rows of the first block that are not among these.
    """
    if block == 1:
        return rows
    starts = np.arange(-before, rows.shape[1], block).clip(min=0)
    rows = np.maximum.reduceat(rows, starts, axis=1)
    return np.maximum.reduceat(rows, np.arange(0, rows.shape[2], block), axis=2)


def _halve(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Halve the pixels of each side: keep the largest of each four."""
    for axis in (2, 3):
        weights = np.maximum.reduceat(weights, np.arange(0, weights.shape[axis], 2), axis=axis)
    return weights
