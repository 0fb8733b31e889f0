"""Every head's pattern as a small picture, updated from only the new rows. This file knows no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from app.components.heads import FULL, MAX_SIZE, UNKNOWN
from app.panels.growing import pieces
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
    arch = architecture(trace.config)
    for layer in range(trace.config.n_layer):
        for at, rows in pieces(trace, arch.named("pattern", layer), start, trace.T):
            fresh, first = _pool(rows[0], block, at % block), at // block  # of (H, t, T)
            there = weights[layer, :, first : first + fresh.shape[1]]
            np.maximum(there, fresh, out=there)
    return Thumbnails(weights, block, trace.T)


def _pool(rows: Tensor, block: int, before: int = 0) -> NDArray[np.float32]:
    """Pool (H, t, T) to a pixel for each block of rows and columns, the largest of each.

    Args:
        before: rows of the first block that are not among these.
    """
    rows = rows.float()
    if block > 1:
        H, t, T = rows.shape
        below, right = -(before + t) % block, -T % block
        if before or below or right:
            rows = F.pad(rows, (0, right, before, below))  # zeros, which no weight is below
        rows = rows.view(H, rows.shape[1] // block, block, rows.shape[2] // block, block).amax(dim=(2, 4))
    return rows.cpu().numpy()  # type: ignore[no-any-return]


def _halve(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Halve the pixels of each side: keep the largest of each four."""
    for axis in (2, 3):
        weights = np.maximum.reduceat(weights, np.arange(0, weights.shape[axis], 2), axis=axis)
    return weights
