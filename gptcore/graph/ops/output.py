"""Ops that turn scores into probabilities and probabilities into a loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptcore.graph.ops.op import ALL, SHOWN, Base, Cell, Inputs, Read, Rows, number, sum_of

if TYPE_CHECKING:
    from torch import Tensor


def _denominator(row: Tensor) -> str:
    """Write the sum of a softmax: its largest terms first, which are most of it."""
    finite = row[row.isfinite()]
    largest = finite.sort(descending=True).values[:SHOWN].tolist()
    return sum_of([rf"e^{{{number(x)}}}" for x in largest], len(finite))


@dataclass(frozen=True)
class Softmax(Base):
    """e to each number of a row, over the sum of these: rows sum to 1."""

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        return inputs.rows(0, rows).softmax(dim=-1)

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        return (Read(0, (*cell[:-1], ALL)),)

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[0].double().softmax(dim=-1)[cell[-1]])

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return rf"\frac{{e^{{{number(float(values[0][cell[-1]]))}}}}}{{{_denominator(values[0])}}}"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"{names[0]}.softmax(dim=-1)[{cell[-1]}].item()"


@dataclass(frozen=True)
class CrossEntropy(Base):
    """-ln of the probability of the token that comes next, in nats; NaN at the last position, whose next is unknown.

    Inputs: the logits (B, T, V) and the token ids (B, T). The target of position t is the id at t + 1.
    """

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        import torch
        from torch.nn.functional import cross_entropy

        logits = inputs.rows(0, rows)  # (B, t, V)
        known = min(rows.stop, inputs.T - 1)  # the last position has no target
        loss = logits.new_full(logits.shape[:2], torch.nan)
        if rows.start < known:
            count = known - rows.start
            targets = inputs.rows(1, Rows(rows.start + 1, known + 1))  # (B, t)
            loss[:, :count] = cross_entropy(logits[:, :count].transpose(1, 2), targets, reduction="none")
        return loss

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        b, t = cell
        return (Read(0, (b, t, ALL)), Read(1, (b, t + 1))) if t + 1 < inputs.T else (Read(0, (b, t, ALL)),)

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        if len(values) < 2:
            return math.nan
        return -float(values[0].double().log_softmax(dim=-1)[int(values[1])])

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        if len(values) < 2:
            return r"\text{unknown: no token follows the last position}"
        target = int(values[1])
        fraction = rf"\frac{{e^{{{number(float(values[0][target]))}}}}}{{{_denominator(values[0])}}}"
        return rf"-\ln {fraction} \quad (\text{{target: id }} {target})"

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"-{names[0]}.log_softmax(dim=-1)[{names[1]}].item()" if len(names) > 1 else 'float("nan")'
