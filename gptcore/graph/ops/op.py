"""The interface of ops, and what they share. Loads no torch: the map is data, and only computing needs it.

Every tensor has its rows along its first T axis: a query's row of a pattern, a position's C numbers. An op computes
any range of rows without the rest, and says which slice of each input one cell is made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gptcore.config import GPTConfig

if TYPE_CHECKING:
    from torch import Tensor

Axes = tuple[str, ...]
Index = tuple[int | slice, ...]
Cell = tuple[int, ...]
ALL = slice(None)


@dataclass(frozen=True)
class Flops:
    """FLOPs of a forward pass's matrix products, 2 per multiply-add, as a function of its size.

    >>> Flops(per_token=10, per_pair=2)(T=3, B=2)
    96
    """

    per_token: int = 0
    """FLOPs for each of the B x T positions."""
    per_pair: int = 0
    """FLOPs for each of the B x T x T pairs of a query and a key, the masked ones too."""

    def __call__(self, T: int, B: int = 1) -> int:
        return B * T * (self.per_token + self.per_pair * T)

    def __add__(self, other: Flops) -> Flops:
        return Flops(self.per_token + other.per_token, self.per_pair + other.per_pair)

    def __mul__(self, times: int) -> Flops:
        return Flops(self.per_token * times, self.per_pair * times)


class Rows(NamedTuple):
    """A range of positions: `start` included, `stop` not."""

    start: int
    stop: int


@dataclass(frozen=True)
class Read:
    """A slice that one cell is made from: of the op's input number `source`, or of its weight of that name."""

    source: int | str
    index: Index


class Inputs(Protocol):
    """The inputs and weights of one tensor, as an op reads them."""

    config: GPTConfig
    T: int
    """Positions of the whole run."""

    def axes(self, number: int) -> Axes:
        """Return the axes of an input."""

    def rows(self, number: int, rows: Rows) -> Tensor:
        """Return a range of rows of an input."""

    def pieces(self, number: int, rows: Rows) -> Sequence[Tensor]:
        """Return the same as tensors that follow each other along T: views, where the values lie in several places."""

    def weight(self, name: str) -> Tensor | None:
        """Return the weight or bias; None where the tensor has none of that name."""


class Op(Protocol):
    """A computation that makes one tensor from others."""

    @property
    def by_position(self) -> bool:
        """True where each row is made from the same row of the one input, so that pieces need not be joined."""

    @property
    def is_view(self) -> bool:
        """True where its numbers lie in the input's own memory, so that it takes none."""

    def flops(self, config: GPTConfig, weight: Sequence[int]) -> Flops:
        """Return the cost of its matrix product; `weight` is the shape of its weight, empty where it has none."""

    def rows(self, inputs: Inputs, rows: Rows) -> Tensor:
        """Compute a range of rows."""

    def reads(self, inputs: Inputs, cell: Cell) -> tuple[Read, ...]:
        """Return the slices that one cell is made from."""

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        """Compute the cell from the slices that `reads` names, alone, in float64."""

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        """Write the right side of the cell's equation, in LaTeX, with the numbers in it."""

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        """Write the same in Python: an expression that makes a number of the slices, which have these names."""


@dataclass(frozen=True)
class Base:
    """Defaults of most ops: no matrix product, and a row that needs more than the same row of one input."""

    def flops(self, config: GPTConfig, weight: Sequence[int]) -> Flops:
        """Return nothing: this op is no matrix product."""
        return Flops()

    @property
    def by_position(self) -> bool:
        """False: a row needs more than the same row of one input."""
        return False

    @property
    def is_view(self) -> bool:
        """False: it makes numbers of its own."""
        return False


def fitted(cell: Cell, axes: Axes) -> Index:
    """Return the cell's place in an input that may lack leading axes, such as the position embedding's B."""
    return cell[len(cell) - len(axes) :]


def number(value: float) -> str:
    """Write a number for a formula, with four significant digits.

    >>> number(-0.123456), number(float("-inf")), number(1.5e-7)
    ('-0.1235', '-\\\\infty', '1.5\\\\cdot 10^{-7}')
    """
    if value != value:
        return r"\mathrm{NaN}"
    if value in (float("inf"), float("-inf")):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def factor(value: float) -> str:
    """Write a number that stands inside a product: in parentheses where it is negative."""
    text = number(value)
    return rf"({text})" if text.startswith("-") else text


SHOWN = 3
"""Terms of a long sum that are written out, before the dots."""


def sum_of(terms: Sequence[str], count: int) -> str:
    """Write a sum of `count` terms, of which `terms` holds those at its start.

    >>> sum_of(["a", "b", "c"], 64)
    'a + b + c + \\\\cdots'
    """
    return " + ".join([*terms, r"\cdots"] if count > len(terms) else terms)


def products(left: Tensor, right: Tensor) -> str:
    """Write a dot product: the first products, then dots."""
    pairs = zip(left[:SHOWN].tolist(), right[:SHOWN].tolist(), strict=True)
    return sum_of([rf"{factor(a)} \cdot {factor(b)}" for a, b in pairs], len(left))


@dataclass(frozen=True)
class Move(Base):
    """Numbers at other places, none changed: each cell is one cell of the input."""

    @property
    def is_view(self) -> bool:
        """True: PyTorch only reads the input's memory in another order."""
        return True

    def value(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> float:
        return float(values[0])

    def latex(self, values: Sequence[Tensor], inputs: Inputs, cell: Cell) -> str:
        return number(float(values[0]))

    def code(self, names: Sequence[str], inputs: Inputs, cell: Cell) -> str:
        return f"{names[0]}.item()"
