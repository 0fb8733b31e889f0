"""One run as a page of words sees it: from one token, in one block, through one head."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from app.lessons.sentences import Number, Token
from gptcore import Architecture, Trace
from gptcore.graph.node import Role


@dataclass(frozen=True)
class Run:
    """A run, and where one looks."""

    trace: Trace
    arch: Architecture
    label: Callable[[int], str]
    """The label of a token, by its id."""
    position: int
    """The position in the context that is followed."""
    layer: int = 0
    head: int = 0
    cropped: int = 0
    """The number of tokens at the start of the prompt that the model does not see."""

    # Sizes

    @property
    def T(self) -> int:
        """The tokens of the run."""
        return self.trace.T

    @property
    def C(self) -> int:
        """The width of the residual stream."""
        return self.arch.config.n_embd

    @property
    def H(self) -> int:
        """The heads of a block."""
        return self.arch.config.n_head

    @property
    def D(self) -> int:
        """The width of a head."""
        return self.arch.config.head_dim

    @property
    def V(self) -> int:
        """The size of the vocabulary."""
        return self.arch.config.vocab_size

    @property
    def L(self) -> int:
        """The number of blocks."""
        return self.arch.config.n_layer

    @property
    def seen(self) -> int:
        """The number of tokens that the followed one may attend to: itself, and those before it."""
        return self.position + 1

    @property
    def columns(self) -> tuple[int, int]:
        """The first and the last column of the head among C."""
        return self.head * self.D, (self.head + 1) * self.D - 1

    # Names

    def drawn(self, view: str) -> tuple[str, ...]:
        """Return the ids of the nodes that a view draws, in the order of the forward pass."""
        return self.arch.views[view].nodes_at(self.layer)

    def named(self, role: Role) -> str:
        """Return the id of the tensor that has this role in the block."""
        return self.arch.named(role, self.layer)

    def nodes(self, view: str) -> tuple[str, ...]:
        """Return the ids of the nodes that a view draws, with those outside that it is connected with."""
        graph = self.arch.graph(view, self.layer)
        return tuple(node.id for node in (*graph.entries, *graph.nodes, *graph.exits))

    # Tokens

    @property
    def here(self) -> Token:
        """The token that is followed."""
        return self.token(self.position)

    def token(self, position: int) -> Token:
        """Return the token at a position."""
        return Token(self.label(int(self.trace.ids[0, position])), position)

    def word(self, index: int) -> Token:
        """Return a token of the vocabulary."""
        return Token(self.label(index))

    # Numbers

    def row(self, name: str, position: int | None = None, head: int | None = None) -> Tensor:
        """Return the numbers of one position, by default the followed one, in float64: those of the head, if any.

        For a pattern or scores that is the query's row, over all T keys.
        """
        at = self.position if position is None else position
        if (name, at) not in self._rows:
            self._rows[name, at] = self.trace.rows(name, at, at + 1).double()
        found = self._rows[name, at]
        axes = self.arch.nodes[name].axes
        if "H" in axes:
            found = found.select(axes.index("H"), self.head if head is None else head)
        return found.flatten()

    @cached_property
    def _rows(self) -> dict[tuple[str, int], Tensor]:
        """The rows that were read, of all heads: several sentences tell of the same one."""
        return {}

    def cell(self, name: str, last: int, position: int | None = None) -> Number:
        """Return one number of a row, with its place: `last` counts along the last axis."""
        at = self.position if position is None else position
        axes = self.arch.nodes[name].axes
        place = {"B": 0, "H": self.head, "T": at}
        index = (*(place[axis] for axis in axes[:-1]), last)
        return Number(self.row(name, at)[last].item(), cell=(name, index))

    def cell_share(self, name: str, last: int) -> Number:
        """Return one number of the followed row, with its place, to be written in per cent."""
        return replace(self.cell(name, last), kind="share")

    def length(self, name: str) -> float:
        """Return the length of the followed row: the root of the sum of its squares."""
        return self.row(name).norm().item()

    def mean(self, name: str) -> float:
        """Return the mean of the followed row."""
        return self.row(name).mean().item()

    def deviation(self, name: str) -> float:
        """Return the standard deviation of the followed row: the root of the mean squared distance from its mean."""
        return self.row(name).std(correction=0).item()

    def strongest(self, head: int | None = None) -> tuple[int, float]:
        """Return the position that is attended to most, in the chosen head or this one, with the weight."""
        weights = self.row(self.named("pattern"), head=head)[: self.seen]
        found = int(weights.argmax())
        return found, weights[found].item()

    def params(self, name: str) -> int:
        """Return the number of parameters of a node."""
        return self.arch.nodes[name].params


def ratio(part: float, whole: float) -> float:
    """Return a part of a whole; NaN of a whole that is 0, as in a model whose weights are all 0.

    >>> ratio(1, 4), ratio(1, 0)
    (0.25, nan)
    """
    return part / whole if whole else math.nan
