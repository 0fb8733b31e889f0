"""The cost of a computation, and how long this machine takes for it: measured, never supposed. No Streamlit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

TRIES = 3
"""The fastest of so many tries counts: the others waited for something else."""
AGAIN, OFTEN = 60.0, 10
"""Seconds after which the speed is measured again, and how often: the machine may have been busy at first."""
SIDE, HEADS, LENGTH = 768, 4, 1024


@dataclass(frozen=True)
class Cost:
    """The cost of a computation."""

    flops: float = 0.0
    """Operations of matrix products, 2 for a multiplication and its addition."""
    cells: float = 0.0
    """Numbers of scores, logits and the like that are computed one by one: masked, normalised, pooled."""
    memory: float = 0.0
    """Bytes that it takes at most."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.cells + other.cells, self.memory + other.memory)


@dataclass(frozen=True)
class Speed:
    """The speed of a machine, in FLOPs and in cells a second."""

    flops: float
    cells: float

    def seconds(self, cost: Cost) -> float:
        """Return how long a computation takes.

        >>> Speed(flops=100e9, cells=50e6).seconds(Cost(flops=200e9, cells=25e6))
        2.5
        """
        return cost.flops / self.flops + cost.cells / self.cells


class Measured:
    """The speed of this machine: the best of some measurements, a minute apart."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._found, self._last = clock, list[Speed](), 0.0

    @property
    def due(self) -> bool:
        """True if it should be measured now."""
        return not self._found or (len(self._found) < OFTEN and self._clock() - self._last >= AGAIN)

    @property
    def speed(self) -> Speed | None:
        """The best so far; None before the first measurement."""
        if not self._found:
            return None
        return Speed(max(each.flops for each in self._found), max(each.cells for each in self._found))

    def add(self, speed: Speed) -> None:
        """Take another measurement."""
        self._found.append(speed)
        self._last = self._clock()


def measure() -> Speed:
    """Return the speed of this machine, with as many threads as PyTorch takes now, in about a tenth of a second."""
    square = torch.full((SIDE, SIDE), 1e-3)
    scores = torch.zeros(HEADS, LENGTH, LENGTH)
    hidden = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)

    def pattern() -> object:
        found = (scores / 8.0).masked_fill(hidden, -torch.inf).softmax(dim=-1)
        return found.view(HEADS, 16, LENGTH // 16, 16, LENGTH // 16).amax(dim=(2, 4)).numpy()

    with torch.no_grad():
        return Speed(2.0 * SIDE**3 / _fastest(lambda: square @ square), scores.numel() / _fastest(pattern))


def _fastest(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(TRIES):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return max(min(taken), 1e-9)
