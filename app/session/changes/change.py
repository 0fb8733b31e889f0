"""A change of the run as a value. What depends on another text holds that text, never its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Final, Literal

from torch import Tensor

from gptcore import Edit

MOST: Final = 64
"""Changes of one screen at most."""
LARGEST: Final = 2.0
"""Largest factor of a scale."""
FARTHEST: Final = 1e6
"""Largest number, of either sign, that a cell is set to."""
MOST_TEXT: Final = 1000
"""Characters of another text at most: a link has to carry it."""
PARTS_OF_ONE: Final = 1000
"""A row that is drawn is kept in thousandths, so that its text is short and its sum is exact."""
BLOCKS: Final = "transformer.h."
"""Start of the names of all that lies in a block; a text leaves it out."""
LETTERS: Final = {"h": "head", "p": "position", "k": "key", "c": "channel"}
"""Each selector by its letter in a text."""
Source = Literal["mean", "resample", "patch"]
SOURCES: Final[tuple[Source, ...]] = ("mean", "resample", "patch")
"""Ways to take values from another text: their mean, those of a stretch of it that is drawn, those of a prompt."""


@dataclass(frozen=True)
class Other:
    """A wish for values of another text, which only a run can make into an `Edit`."""

    name: str
    how: Source
    text: str = ""
    """The other text; "" for the model's own, which a patch does not have."""
    draw: int = 0
    """The number of the draw of a resample."""
    _: KW_ONLY
    head: int | None = None
    position: int | None = None
    channel: int | None = None
    of: str = ""
    """The tensor that a patch of a position takes its value from; "" for the same one."""
    at: int | None = None
    """The position of the other prompt that a patch of a position takes; None for the same one."""

    @property
    def source(self) -> str:
        """The tensor of the other text."""
        return self.of or self.name

    @property
    def key(self) -> None:
        """None: a pattern is taken as a whole, no other pair of positions is."""
        return None


Wish = Edit | Other
"""A change that is wished for. An `Edit` of a whole block means its attention and its MLP."""


@dataclass(frozen=True)
class Change:
    """A change of the run."""

    edit: Wish
    on: bool = True
    """False while it waits in the list."""

    @property
    def key(self) -> str:
        """The part of the run that it changes: each has one change at most.

        >>> Change(Edit("transformer.h.1.attn.z", "zero", head=2)).key
        '1.attn.z_h2'
        """
        return "_".join([self.edit.name.removeprefix(BLOCKS), *selectors(self.edit)])


@dataclass(frozen=True)
class ChangeList:
    """The changes of a screen, with what holds for all of them."""

    changes: tuple[Change, ...] = ()
    """In the order in which they are applied."""
    keeps: bool = False
    """True to keep every later pattern as it is without the changes."""
    muted: bool = False
    """True while all are off at once, to compare; each keeps its own state."""

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """The changes that the run is to have."""
        return () if self.muted else tuple(change.edit for change in self.changes if change.on)

    def with_changes(self, changes: Sequence[Change]) -> ChangeList:
        """Return the list with other changes; without any, nothing is left of it."""
        return replace(self, changes=tuple(changes)) if changes else ChangeList()


def selectors(wish: Wish) -> list[str]:
    """Return the chosen places as a text holds them; the keys of a drawn row are told by its position."""
    chosen: list[tuple[str, Any]] = [(letter, getattr(wish, name)) for letter, name in LETTERS.items()]
    return [f"{letter}{place}" for letter, place in chosen if place is not None and not isinstance(place, slice)]


def is_cut(wish: Wish) -> bool:
    """Tell whether it keeps a query from reading a key."""
    return isinstance(wish, Edit) and wish.how == "set" and isinstance(wish.value, float) and wish.value == -math.inf


def is_row(wish: Wish) -> bool:
    """Tell whether it is a row of a pattern that was drawn."""
    return isinstance(wish, Edit) and isinstance(wish.value, Tensor)


def is_pattern(name: str) -> bool:
    """Tell whether a name is that of the pattern of an attention.

    >>> is_pattern("transformer.h.2.attn.pattern"), is_pattern("transformer.h.2.attn.z")
    (True, False)
    """
    return name.startswith(BLOCKS) and name.endswith(".attn.pattern")


def is_layer(name: str) -> bool:
    """Tell whether a name is that of a whole block.

    >>> is_layer("transformer.h.2"), is_layer("transformer.h.2.mlp")
    (True, False)
    """
    return name.startswith(BLOCKS) and name.removeprefix(BLOCKS).isdigit()


def thousandths(row: Edit) -> list[int]:
    """Return the weights of a drawn row as whole numbers."""
    return [round(weight * PARTS_OF_ONE) for weight in row.value.tolist()]
