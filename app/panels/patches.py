"""Patches between two prompts: what of one was put into the run of the other, as data and as a text for links.

No Streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gptcore import Edit, Trace
from gptcore.analysis.lens import lens_names
from gptcore.analysis.patching import BY_HEAD, name_of
from gptcore.config import GPTConfig

SIDES: Final = ("this", "other")
STATE: Final = "state"
"""The kind of a patch of the residual stream, whose layer is a row of the lens."""
KINDS: Final = (STATE, "attn", "mlp", "head", "pattern", "value")
MOST: Final = 24
"""Patches at a time."""


@dataclass(frozen=True)
class Patch:
    """A part of one prompt's run in that of the other."""

    into: str
    """The prompt whose run is changed, one of `SIDES`; the value is the other's."""
    kind: str
    layer: int
    """A row of the lens for `STATE`, else a block."""
    place: int
    """A position, or a head for "head", "pattern" and "value", at all positions."""
    from_layer: int
    from_place: int
    """The place of the value; that of `layer` and `place`, unless a cell was put elsewhere."""

    @classmethod
    def here(cls, into: str, kind: str, layer: int, place: int) -> Patch:
        """Return the patch that takes its value from the same place of the other prompt."""
        return cls(into, kind, layer, place, layer, place)

    @property
    def source(self) -> str:
        """The prompt whose value it is."""
        return SIDES[1 - SIDES.index(self.into)]

    @property
    def by_head(self) -> bool:
        """True if it is of one head, at all positions."""
        return self.kind in BY_HEAD

    @property
    def key(self) -> str:
        """The patch as a text without spaces.

        >>> Patch.here("other", "head", 1, 0).key
        'other.head.1.0.1.0'
        """
        return ".".join(str(part) for part in self.fields)

    @property
    def fields(self) -> tuple[str | int, ...]:
        """All that it is."""
        return self.into, self.kind, self.layer, self.place, self.from_layer, self.from_place

    @property
    def target(self) -> tuple[str | int, ...]:
        """The part that it changes: of two patches with the same target only one can be."""
        return self.fields[:4]

    def name(self, config: GPTConfig, layer: int) -> str:
        """Return the tensor of a layer of its kind."""
        return lens_names(config)[layer] if self.kind == STATE else name_of(config, self.kind, layer)  # type: ignore[arg-type]

    def edit(self, source: Trace, T: int) -> Edit:
        """Return the change of a run of T tokens."""
        name = self.name(source.config, self.layer)
        if self.by_head:
            return Edit(name, "patch", source, head=self.place)
        if self._same and source.T == T:
            return Edit(name, "patch", source, position=self.place)
        value = source.rows(self.name(source.config, self.from_layer), self.from_place, self.from_place + 1)
        return Edit(name, "set", value, position=slice(self.place, self.place + 1))

    def code(self, config: GPTConfig, equal: bool) -> str:
        """Write the change as Python; the run that it takes from goes by the name `source`."""
        name = self.name(config, self.layer)
        if self.by_head:
            return f"gptcore.Edit({name!r}, 'patch', source, head={self.place})"
        if self._same and equal:
            return f"gptcore.Edit({name!r}, 'patch', source, position={self.place})"
        value = f"source.rows({self.name(config, self.from_layer)!r}, {self.from_place}, {self.from_place + 1})"
        return f"gptcore.Edit({name!r}, 'set', {value}, position=slice({self.place}, {self.place + 1}))"

    @property
    def _same(self) -> bool:
        return (self.layer, self.place) == (self.from_layer, self.from_place)

    def reaches(self, row: int, position: int, first: int) -> bool:
        """Tell if a cell of the lens can change by it: one of a later row, at its own position or a later one.

        Args:
            row: a row of the lens.
            position: a position.
            first: the first position at which the prompts differ: no head brings anything before it.
        """
        start = first if self.by_head else self.place
        return position >= start and row > self.layer

    def fits(self, config: GPTConfig, lengths: dict[str, int]) -> bool:
        """Tell if it can be made in prompts of these lengths."""
        rows = config.n_layer + (self.kind == STATE)
        if not (0 <= self.layer < rows and 0 <= self.from_layer < rows):
            return False
        if self.by_head:
            return 0 <= self.place < config.n_head and self._same and len(set(lengths.values())) == 1
        return 0 <= self.place < lengths[self.into] and 0 <= self.from_place < lengths[self.source]


def add(patches: Sequence[Patch], patch: Patch) -> tuple[Patch, ...]:
    """Return the patches with another one; the same one again takes it away, another one at its place replaces it."""
    others = tuple(each for each in patches if each.target != patch.target)
    return others if patch in patches else (*others, patch)[-MOST:]


def to_text(patches: Sequence[Patch]) -> str:
    """Return the patches as a text for a link."""
    return "~".join(patch.key for patch in patches)


def of_text(text: str) -> tuple[Patch, ...]:
    """Return the patches of a text, which may come from anywhere: what is none is left out.

    >>> of_text("other.state.1.3.1.3~nonsense~other.head.0.1.0.1")[1].place
    1
    """
    return tuple(found for part in text.split("~")[:MOST] if (found := _of_key(part)) is not None)


def _of_key(text: str) -> Patch | None:
    into, _, rest = text.partition(".")
    kind, *numbers = rest.split(".")
    if into not in SIDES or kind not in KINDS or len(numbers) != 4:
        return None
    if not all(part.isascii() and part.isdigit() and len(part) < 7 for part in numbers):
        return None
    layer, place, from_layer, from_place = map(int, numbers)
    return Patch(into, kind, layer, place, from_layer, from_place)
