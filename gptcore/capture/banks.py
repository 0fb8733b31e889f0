"""The cached tensors of a trace, in groups that grow each in its own way. No model is run here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from torch import Tensor

from gptcore.capture import buffers

Groups = tuple[Mapping[str, int], Mapping[str, int]]
"""T axes of tensors by their names: of those that are read as a whole at each key, and of the others."""


class Bank(NamedTuple):
    """Some tensors, all with the same rows."""

    axes: Mapping[str, int]
    """The T axis of each tensor, by its name."""
    pieces: buffers.Pieces
    together: bool
    """True for what is read as a whole at each key: its new rows are copied behind the old ones."""

    def grown(self, made: Mapping[str, Tensor], count: int) -> Bank:
        """Return the bank with `count` rows more of each of its tensors."""
        rows = {name: made[name] for name in self.axes}
        add = buffers.append if self.together else buffers.add
        return self._replace(pieces=add(self.pieces, rows, count, self.axes))

    def cut(self, count: int) -> Bank:
        """Return the first `count` rows."""
        return self._replace(pieces=buffers.cut(self.pieces, count, self.axes))

    def only(self, names: Collection[str]) -> Bank:
        """Return some of its tensors."""
        axes = {name: axis for name, axis in self.axes.items() if name in names}
        return self._replace(axes=axes, pieces=buffers.only(self.pieces, axes))


class Banks(tuple[Bank, ...]):
    """All banks of a trace; each cached tensor lies in one of them."""

    @classmethod
    def fresh(cls, groups: Groups, made: Mapping[str, Tensor], count: int) -> Banks:
        """Return the tensors of a run as it made them, not copied."""
        found = []
        for axes, together in zip(groups, (True, False), strict=True):
            if axes:
                rows = {name: made[name] for name in axes}
                found.append(Bank(axes, buffers.fresh(rows, count), together))
        return cls(found)

    def read(self, name: str, start: int, stop: int) -> list[Tensor] | None:
        """Return rows of a tensor as views that follow each other; None where it lies in no bank."""
        for bank in self:
            if name in bank.axes:
                return buffers.read(bank.pieces, name, bank.axes[name], start, stop)
        return None

    def grown(self, made: Mapping[str, Tensor], count: int) -> Banks:
        """Return the banks with the rows that a run has made more."""
        return Banks(bank.grown(made, count) for bank in self)

    def cut(self, count: int) -> Banks:
        """Return the first `count` rows of all."""
        return Banks(bank.cut(count) for bank in self)

    def only(self, names: Collection[str]) -> Banks:
        """Return some tensors alone: views of the same memory."""
        return Banks(bank for bank in (bank.only(names) for bank in self) if bank.axes)

    def nbytes(self) -> int:
        """Return the bytes that the banks keep alive."""
        return sum(buffers.nbytes(bank.pieces) for bank in self)

    @property
    def rows(self) -> int:
        """The rows of each tensor."""
        return buffers.total(self[-1].pieces)
