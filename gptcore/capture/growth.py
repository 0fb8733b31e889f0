"""The held tensors of a trace as it grows: what attention reads at each key, and the rest. No model is run here."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from gptcore.capture import buffers, stored
from gptcore.capture import names as naming
from gptcore.config import GPTConfig


class Rows(NamedTuple):
    """The held tensors: those that attention reads at each key, and the others."""

    attention: buffers.Pieces
    others: buffers.Pieces

    @classmethod
    def fresh(cls, made: dict[str, Tensor], config: GPTConfig) -> Rows:
        """As a run made them."""
        attention, others, count = _sorted(made, config)
        return cls(buffers.fresh(attention, count) if attention else (), buffers.fresh(others, count))

    def cut(self, count: int, config: GPTConfig) -> Rows:
        """The first `count` positions."""
        axes = stored.time_axes(config)
        return Rows(buffers.cut(self.attention, count, axes), buffers.cut(self.others, count, axes))

    def grown(self, made: dict[str, Tensor], config: GPTConfig) -> Rows:
        """With the positions that a run has made more."""
        axes = stored.time_axes(config)
        attention, others, count = _sorted(made, config)
        return Rows(
            buffers.append(self.attention, attention, count, axes), buffers.add(self.others, others, count, axes)
        )


def _sorted(made: dict[str, Tensor], config: GPTConfig) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    """What attention reads, the others, and how many positions they are of."""
    read = stored.for_attention(config)
    attention = {name: tensor for name, tensor in made.items() if name in read}
    others = {name: tensor for name, tensor in made.items() if name not in read}
    return attention, others, others[naming.IDX].size(1)
