"""Ops with weights and sums over an axis: lookup in an embedding, layer norm, linear layer, product of two tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gptcore.config import GPTConfig
from gptcore.graph.ops.op import ALL, Base, Cell, Flops, Inputs, Read, Rows, factor, number, products

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lookup(Base):
    """A row of the weight for each token id, or for each position."""

    by: Literal["id", "position"]

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        weight = inputs.weight("weight")
        assert weight is not None
        return weight[inputs.rows(0, rows)] if self.by == "id" else weight[rows.start : rows.stop]

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        *place, channel = cell
        if self.by == "position":
            return (Read("weight", (place[0], channel)),)
        b, t = place
        index = int(inputs.rows(0, Rows(t, t + 1))[b, 0])
        return Read(0, (b, t)), Read("weight", (index, channel))

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[-1])

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        row = int(values[0]) if self.by == "id" else cell[0]
        name = "te" if self.by == "id" else "pe"
        return rf"\mathbf{{W}}_{{\mathrm{{{name}}}}}[{row}, {cell[-1]}]"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"{names[-1]}.item()"


@dataclass(frozen=True)
class LayerNorm(Base):
    """Each position scaled to mean 0 and variance 1 over its C numbers, then by learned factors.

    Source: Ba et al. 2016, "Layer Normalization"; the variance is the biased one, as in PyTorch.
    """

    epsilon: float

    def formula(self, bias: bool, x: str) -> str:
        """Write the op with symbols, in LaTeX."""
        shift = r" + \boldsymbol{\beta}" if bias else ""
        return rf"\boldsymbol{{\gamma}} \odot \frac{{{x} - \mu}}{{\sqrt{{\sigma^2 + \epsilon}}}}{shift}"

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from torch.nn.functional import layer_norm

        x = inputs.rows(0, rows)
        return layer_norm(x, x.shape[-1:], inputs.weight("weight"), inputs.weight("bias"), self.epsilon)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        bias = () if inputs.weight("bias") is None else (Read("bias", (cell[-1],)),)
        return Read(0, (*cell[:-1], ALL)), Read("weight", (cell[-1],)), *bias

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        x, mean, std = self._statistics(values[0], cell[-1])
        shift = float(values[2]) if len(values) > 2 else 0.0
        return (x - mean) / std * float(values[1]) + shift

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        x, mean, std = self._statistics(values[0], cell[-1])
        shift = rf" + {factor(float(values[2]))}" if len(values) > 2 else ""
        variance = number(std**2 - self.epsilon)
        root = rf"\sqrt{{{variance} + {number(self.epsilon)}}}"
        return rf"{factor(float(values[1]))} \cdot \frac{{{number(x)} - {factor(mean)}}}{{{root}}}{shift}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        x, weight, *bias = names
        scaled = f"({x}[{cell[-1]}] - {x}.mean()) / ({x}.var(correction=0) + {self.epsilon}).sqrt() * {weight}"
        return f"({' + '.join([scaled, *bias])}).item()"

    def _statistics(self, row: Tensor, channel: int) -> tuple[float, float, float]:
        """Return the number itself, the row's mean, and the root of its variance and epsilon."""
        exact = row.double()
        return float(exact[channel]), float(exact.mean()), math.sqrt(float(exact.var(correction=0)) + self.epsilon)


@dataclass(frozen=True)
class Linear(Base):
    """Each position's numbers times the weight's rows, plus the bias where there is one."""

    def formula(self, bias: bool, x: str, name: str) -> str:
        """Write the op with symbols, in LaTeX; `name` is that of the weight."""
        shift = rf" + \mathbf{{b}}_{{\mathrm{{{name}}}}}" if bias else ""
        return rf"{x}\,\mathbf{{W}}_{{\mathrm{{{name}}}}}^\top{shift}"

    def flops(self, config: GPTConfig, weight: Sequence[int]) -> Flops:
        return Flops(per_token=2 * math.prod(weight))

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from torch.nn.functional import linear

        weight = inputs.weight("weight")
        assert weight is not None
        return linear(inputs.rows(0, rows), weight, inputs.weight("bias"))

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        bias = () if inputs.weight("bias") is None else (Read("bias", (cell[-1],)),)
        return Read(0, (*cell[:-1], ALL)), Read("weight", (cell[-1], ALL)), *bias

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        shift = float(values[2]) if len(values) > 2 else 0.0
        return float(values[0].double() @ values[1].double()) + shift

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        shift = f" + {factor(float(values[2]))}" if len(values) > 2 else ""
        return products(values[0], values[1]) + shift

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        x, weight, *bias = names
        return f"({' + '.join([f'{x} @ {weight}', *bias])}).item()"


@dataclass(frozen=True)
class MatMul(Base):
    """The product of two tensors over the last axis of the first and the one before the last of the second.

    The second is read at all T positions. Where these are what the sum goes over (weighted values), the sum is over
    its pieces; where they are the columns of the result (scores), the pieces' products stand side by side.
    """

    def flops(self, config: GPTConfig, weight: Sequence[int]) -> Flops:
        return Flops(per_pair=2 * config.n_embd)

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        import torch

        left, right = inputs.rows(0, rows), inputs.pieces(1, Rows(0, inputs.T))
        if inputs.axes(1)[-1] == "T":
            made = [left @ piece for piece in right]
            return torch.cat(made, dim=-1) if len(made) > 1 else made[0]
        parts = left.split([piece.size(-2) for piece in right], dim=-1)
        total = parts[0] @ right[0]
        for part, piece in zip(parts[1:], right[1:], strict=True):
            total = total + part @ piece
        return total

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        *outer, row, column = cell
        return Read(0, (*outer, row, ALL)), Read(1, (*outer, ALL, column))

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[0].double() @ values[1].double())

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return products(values[0], values[1])

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"({names[0]} @ {names[1]}).item()"
