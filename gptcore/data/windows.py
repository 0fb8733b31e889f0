"""Batches of windows of a long row of token ids, in memory or on disk. This file knows no text and no model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Tokens = NDArray[np.integer]
"""Ids (N,), of any unsigned type; often a memory map."""


def random_batch(tokens: Tokens, block_size: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return windows at random places: inputs and, one token further, targets, each (B, T) int64."""
    starts = torch.randint(len(tokens) - block_size, (batch_size,), generator=generator)
    return _windows(tokens, starts.tolist(), block_size)


def spread_windows(tokens: Tokens, block_size: int, windows: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield windows at even distances, the same ones each time: inputs and targets, each (B, T)."""
    starts = torch.linspace(0, len(tokens) - block_size - 1, windows).long().tolist()
    for first in range(0, windows, batch_size):
        yield _windows(tokens, starts[first : first + batch_size], block_size)


def all_windows(tokens: Tokens, block_size: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the whole row once, in adjacent windows: inputs and targets, each (B, T); every target exactly once.

    The last window may be shorter than the others; it is a batch by itself.

    >>> [tuple(x.shape) for x, y in all_windows(np.arange(8), block_size=3, batch_size=2)]
    [(2, 3), (1, 1)]
    """
    whole = (len(tokens) - 1) // block_size
    starts = range(0, whole * block_size, block_size)
    for first in range(0, whole, batch_size):
        yield _windows(tokens, starts[first : first + batch_size], block_size)
    rest = len(tokens) - 1 - whole * block_size
    if rest:
        yield _windows(tokens, [whole * block_size], rest)


def _windows(tokens: Tokens, starts: range | list[int], length: int) -> tuple[Tensor, Tensor]:
    stacked = np.stack([tokens[start : start + length + 1] for start in starts])
    windows = torch.from_numpy(stacked.astype(np.int64))
    return windows[:, :-1], windows[:, 1:]
