"""Rows of many tensors that grow along T, in a few pieces that traces share.

This file knows nothing of models: it stores, for each name, rows along one axis, T. A trace has a tuple of pieces, one
after the other. Deleting cuts, and there are two ways to append, neither of which changes older pieces:

- `append`, for tensors that each key reads as a whole (attention's keys and values): new rows are copied behind the
  last piece's, into room kept for them, and small pieces are merged, so that there are at most about log2(T);
- `add`, for all others: new rows stay where the run put them, until there are many such pieces to join.

Either costs log2(T) copies a row in all. One growing tail behind the first piece was measured in their place. For all
tensors it makes each key slower; for `append` alone it is as fast, but a text that was typed from nothing and is then
mended is all tail, which was copied at each key: 22 ms instead of 17 for 960 tokens in 12 blocks of 192 channels.

Memory is bounded:

- room for rows to come is at most 1/16 of the rows in use, and rows that only a dropped text used at most 3/16, so
  no history of typing and deleting holds more than 1.25 times what a fresh run does.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Rows = Mapping[str, Tensor]
"""Tensors of the same number of rows along their T axis, by name."""
Axes = Mapping[str, int]
"""The T axis of each tensor, by its name."""


class Store:
    """Tensors with room for `capacity` rows, of which the first `claimed` are written or being written.

    A row is written once, by the caller that claims it; a later caller gets a new store.
    """

    def __init__(self, tensors: dict[str, Tensor], capacity: int, claimed: int) -> None:
        self.tensors, self.capacity, self._claimed = tensors, capacity, claimed
        self._lock = threading.Lock()

    @classmethod
    def with_room(cls, like: Rows, axes: Axes, capacity: int) -> Store:
        """Return an empty store for rows like these."""
        return cls({name: _empty_like(rows, axes[name], capacity) for name, rows in like.items()}, capacity, 0)

    def claim(self, start: int, count: int) -> bool:
        """Claim rows `start` to `start + count`; return False where they are taken, or there is no room."""
        with self._lock:
            free = self._claimed == start and start + count <= self.capacity
            if free:
                self._claimed += count
            return free

    def write(self, start: int, rows: Rows, axes: Axes) -> None:
        """Copy rows to their place. The caller has claimed it."""
        places = [self.tensors[name].narrow(axes[name], start, rows[name].size(axes[name])) for name in rows]
        torch._foreach_copy_(places, list(rows.values()))  # one call, where copy_ for each would be a hundred

    def nbytes(self) -> int:
        """Return the bytes of the tensors, rows not yet written included."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


@dataclass(frozen=True)
class Piece:
    """The first `rows` rows of a store."""

    store: Store
    rows: int

    def read(self, name: str, axis: int, start: int, stop: int) -> Tensor:
        """Return rows `start` to `stop` of one tensor; a view, or the tensor itself where these are all of its rows."""
        tensor = self.store.tensors[name]
        if stop - start == self.store.capacity:  # a view costs a microsecond, and each key reads hundreds
            return tensor
        return tensor.narrow(axis, start, stop - start)

    def all(self, axes: Axes) -> dict[str, Tensor]:
        """Return the rows of these tensors; views."""
        return {name: self.read(name, axis, 0, self.rows) for name, axis in axes.items()}

    @property
    def waste(self) -> int:
        """The rows that the store holds and this piece does not use."""
        return self.store.capacity - self.rows


Pieces = tuple[Piece, ...]

MANY = 24
"""The number of pieces that `add` leaves unjoined."""


def fresh(rows: dict[str, Tensor], count: int) -> Pieces:
    """Return rows as a run made them, without a copy."""
    return (Piece(Store(rows, count, count), count),)


def total(pieces: Pieces) -> int:
    """Return T: the rows in all pieces."""
    return sum(piece.rows for piece in pieces)


def nbytes(pieces: Pieces) -> int:
    """Return the bytes that the pieces keep alive."""
    return sum(piece.store.nbytes() for piece in pieces)


def only(pieces: Pieces, axes: Axes) -> Pieces:
    """Return the same rows of some tensors alone; views, behind which nothing can be written."""
    return tuple(Piece(Store(piece.all(axes), piece.rows, piece.rows), piece.rows) for piece in pieces)


def read(pieces: Pieces, name: str, axis: int, start: int, stop: int) -> list[Tensor]:
    """Return rows `start` to `stop` of one tensor, as views that follow each other."""
    found, first = [], 0
    for piece in pieces:
        low, high = max(start - first, 0), min(stop - first, piece.rows)
        if low < high:
            found.append(piece.read(name, axis, low, high))
        first += piece.rows
    return found


def cut(pieces: Pieces, rows: int, axes: Axes) -> Pieces:
    """Return the first `rows` rows. Rows that it leaves unused are shared with the older trace; many are dropped."""
    kept, room = [], rows
    for piece in pieces:
        if room:
            kept.append(Piece(piece.store, min(piece.rows, room)))
            room -= kept[-1].rows
    if sum(piece.waste for piece in kept) > 3 * rows // 16:
        kept = [_join([piece], axes, room=0) if piece.waste else piece for piece in kept]
    return tuple(kept)


def add(pieces: Pieces, rows: dict[str, Tensor], count: int, axes: Axes) -> Pieces:
    """Return the pieces with one more, not copied; where these are too many, join those at the end."""
    kept, moved = [*pieces], [*fresh(rows, count)]
    if len(kept) < MANY:
        return (*kept, *moved)
    _take_small(kept, moved, max(count, MANY))  # the last ones at once, and what is no larger than they are together
    if len(kept) >= MANY:  # of sizes that do not merge
        kept, moved = [], [*pieces, *fresh(rows, count)]
    return (*kept, _join(moved, axes, room=0))


def append(pieces: Pieces, rows: Rows, count: int, axes: Axes) -> Pieces:
    """Return the pieces with `count` rows more. The given pieces stay valid and unchanged."""
    *kept, last = pieces
    if last.store.claim(last.rows, count):
        last.store.write(last.rows, rows, axes)
        return (*kept, Piece(last.store, last.rows + count))
    room = (total(pieces) + count) // 16
    kept, moved = list(pieces), list[Piece]()
    _take_small(kept, moved, count + room)
    grown = _join(moved, axes, room=count + room, like=rows)
    grown.store.claim(grown.rows, count)
    grown.store.write(grown.rows, rows, axes)
    return (*kept, Piece(grown.store, grown.rows + count))


def _take_small(kept: list[Piece], moved: list[Piece], size: int) -> None:
    """Move pieces from the end of `kept` to `moved`, as a binary counter carries: each with at least its own size."""
    while kept and kept[-1].rows <= size:
        moved.insert(0, kept.pop())
        size += moved[0].rows


def _join(pieces: list[Piece], axes: Axes, room: int, like: Rows | None = None) -> Piece:
    """Return one piece with the rows of several, copied, and room for more."""
    rows = total(tuple(pieces))
    if not room:
        return _joined(pieces, axes, rows)
    store = Store.with_room(pieces[0].all(axes) if like is None else like, axes, rows + room)
    store.claim(0, rows)
    first = 0
    for piece in pieces:
        store.write(first, piece.all(axes), axes)
        first += piece.rows
    return Piece(store, rows)


def _joined(pieces: list[Piece], axes: Axes, rows: int) -> Piece:
    """Return one piece with the rows of several and no room, T right behind the batch: a call for each tensor."""
    parts, made = [piece.all(axes) for piece in pieces], {}
    for name, axis in axes.items():
        found = [part[name] for part in parts]
        first = min(axis, 1)
        if axis == first:
            made[name] = torch.cat(found, dim=axis)
        else:
            made[name] = torch.cat([each.movedim(axis, first) for each in found], dim=first).movedim(first, axis)
    return Piece(Store(made, rows, rows), rows)


def _empty_like(rows: Tensor, axis: int, capacity: int) -> Tensor:
    """Return an uninitialised tensor, T right behind the batch in memory, so that a row of all heads stays together."""
    shape = list(rows.shape)
    del shape[axis]
    first = min(axis, 1)
    shape.insert(first, capacity)
    empty = rows.new_empty(shape)
    return empty if axis == first else empty.movedim(first, axis)
