"""Ops of one number at a time: an input, the same again, a sum of two, the GELU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptcore.config import Activation
from gptcore.graph.ops.op import Base, Cell, Inputs, Move, Read, Rows, factor, fitted, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Given(Base):
    """An input of the run: made from nothing."""

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        raise LookupError("an input of the run is given, not computed")

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return ()

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        raise LookupError("an input of the run is given, not computed")

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return r"\text{given}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        raise LookupError("an input of the run is given, not computed")


@dataclass(frozen=True)
class Same(Move):
    """Its input, unchanged: a container's output, the residual stream at a block's door, dropout in eval mode."""

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        return inputs.rows(0, rows)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return (Read(0, cell),)


@dataclass(frozen=True)
class Add(Base):
    """The sum of two tensors, cell by cell; the second may lack the batch axis."""

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        return inputs.rows(0, rows) + inputs.rows(1, rows)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return tuple(Read(i, fitted(cell, inputs.axes(i))) for i in (0, 1))

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[0]) + float(values[1])

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return f"{number(float(values[0]))} + {factor(float(values[1]))}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"({names[0]} + {names[1]}).item()"


@dataclass(frozen=True)
class Gelu(Base):
    """The Gaussian error linear unit, exact or by its tanh approximation.

    Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".
    """

    activation: Activation

    def formula(self) -> str:
        """Write the op with symbols, in LaTeX."""
        half = r"\mathrm{GELU}(\mathbf{h}) = "
        if self.activation == "gelu_tanh":
            inner = r"\sqrt{2/\pi}\,(\mathbf{h} + 0.044715\,\mathbf{h}^3)"
            return half + rf"\tfrac{{1}}{{2}}\mathbf{{h}} \odot \left(1 + \tanh\!\left({inner}\right)\right)"
        exact = r"\tfrac{1}{2}\mathbf{h} \odot \left(1 + \mathrm{erf}\!\left(\mathbf{h}/\sqrt{2}\right)\right)"
        return half + r"\mathbf{h} \odot \Phi(\mathbf{h}) = " + exact

    @property
    def by_position(self) -> bool:
        return True

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        from torch.nn.functional import gelu

        return gelu(inputs.rows(0, rows), approximate="tanh" if self.activation == "gelu_tanh" else "none")

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return (Read(0, cell),)

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        x = float(values[0])
        if self.activation == "gelu_tanh":
            return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * math.erfc(-x / math.sqrt(2))  # erfc keeps its digits where 1 + erf has none left

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        x = float(values[0])
        if self.activation == "gelu_tanh":
            inner = rf"\sqrt{{2/\pi}}\,({number(x)} + 0.044715 \cdot {factor(x)}^3)"
            return rf"\tfrac{{1}}{{2}} \cdot {factor(x)} \cdot \left(1 + \tanh\left({inner}\right)\right)"
        return rf"{number(x)} \cdot \Phi({number(x)}) = {number(x)} \cdot {number(0.5 * math.erfc(-x / math.sqrt(2)))}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        approximate = "tanh" if self.activation == "gelu_tanh" else "none"
        return f'torch.nn.functional.gelu({names[0]}, approximate="{approximate}").item()'
