"""Ops inside attention: heads split and joined, keys transposed, scores scaled and masked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptcore.graph.ops.op import Base, Cell, Inputs, Move, Read, Rows, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SplitHeads(Move):
    """One third of the joint projection, cut into H heads of D numbers: queries (0), keys (1) or values (2)."""

    third: int

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from gptcore.model import split_heads

        C = inputs.config.n_embd
        return split_heads(inputs.rows(0, rows)[..., self.third * C : (self.third + 1) * C], inputs.config.n_head)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        b, h, t, d = cell
        C, D = inputs.config.n_embd, inputs.config.head_dim
        return (Read(0, (b, t, self.third * C + h * D + d)),)


@dataclass(frozen=True)
class Transpose(Move):
    """The last two axes exchanged."""

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        return inputs.rows(0, rows).transpose(-2, -1)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        *outer, row, column = cell
        return (Read(0, (*outer, column, row)),)


@dataclass(frozen=True)
class Concat(Move):
    """The heads side by side again: H times D is C."""

    @property
    def is_view(self) -> bool:
        """False: the heads' numbers are copied to lie side by side."""
        return False

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from gptcore.model import merge_heads

        return merge_heads(inputs.rows(0, rows))

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        b, t, c = cell
        D = inputs.config.head_dim
        return (Read(0, (b, c // D, t, c % D)),)


@dataclass(frozen=True)
class Scale(Base):
    """Divided by the square root of D.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1.
    """

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        return inputs.rows(0, rows) / math.sqrt(inputs.config.head_dim)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return (Read(0, cell),)

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[0]) / math.sqrt(inputs.config.head_dim)

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return rf"\frac{{{number(float(values[0]))}}}{{\sqrt{{{inputs.config.head_dim}}}}}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"({names[0]} / {inputs.config.head_dim} ** 0.5).item()"


@dataclass(frozen=True)
class CausalMask(Base):
    """Minus infinity where a key comes after its query, so that the softmax gives it nothing."""

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from gptcore.model import causal_mask

        return causal_mask(inputs.rows(0, rows), rows.start)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return (Read(0, cell),)

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        *_, query, key = cell
        return float(values[0]) if key <= query else -math.inf

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        *_, query, key = cell
        if key <= query:
            return rf"{number(float(values[0]))} \quad (\text{{key }} {key} \le \text{{query }} {query})"
        return rf"-\infty \quad (\text{{key }} {key} > \text{{query }} {query}: \text{{masked}})"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        *_, query, key = cell
        return f"{names[0]}.item()" if key <= query else 'float("-inf")'
