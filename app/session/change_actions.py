"""Actions that change the run: switch a part off, scale it, cut an edge, take a change back. No Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from app.session import changes as listed
from app.session.actions import Action
from app.session.changed_screen import changed
from app.session.changes import Change
from app.session.screen import Model, Screen
from gptcore import Edit


@dataclass(frozen=True)
class _Changing(Action):
    """An action that leaves another list of changes."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return changed(screen, model, self.list_after(screen.changes))

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the list that follows."""
        raise NotImplementedError

    def tokens(self, screen: Screen, model: Model) -> int:
        return screen.shown.trace.T


@dataclass(frozen=True)
class SetChanges(_Changing):
    """A list of changes that was kept; the empty one takes all away."""

    changes: tuple[Change, ...] = ()

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        return self.changes


@dataclass(frozen=True)
class AddChange(_Changing):
    """One change more, which is on. It takes the place of one of the same part."""

    edit: Edit

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        new = Change(self.edit)
        if any(change.key == new.key for change in before):
            return tuple(new if change.key == new.key else change for change in before)
        return (*before, new)


@dataclass(frozen=True)
class RemoveChange(_Changing):
    """One change less."""

    key: str

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        return tuple(change for change in before if change.key != _known(self.key, before))


@dataclass(frozen=True)
class ToggleChange(_Changing):
    """A change on or off; it stays in the list."""

    key: str
    on: bool

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        _known(self.key, before)
        return tuple(replace(change, on=self.on) if change.key == self.key else change for change in before)


@dataclass(frozen=True)
class ScaleChange(_Changing):
    """Another factor of a part that is changed; 0 switches it off."""

    key: str
    factor: float

    def list_after(self, before: tuple[Change, ...]) -> tuple[Change, ...]:
        _known(self.key, before)
        if type(self.factor) not in (int, float) or not math.isfinite(self.factor):
            raise ValueError(f"a factor is a number from 0 to {listed.LARGEST:g}, got {str(self.factor)[:20]!r}")
        return tuple(self._scaled(change) if change.key == self.key else change for change in before)

    def _scaled(self, change: Change) -> Change:
        edit = change.edit
        if edit.how == "set":
            raise ValueError("an edge is cut or whole; scale a head instead")
        scaled = Edit(edit.name, "scale", self.factor, head=edit.head)
        return Change(Edit(edit.name, "zero", head=edit.head) if self.factor == 0 else scaled, change.on)


@dataclass(frozen=True)
class CutEdges(Action):
    """The meaning of a click on a cell of a pattern: to cut its edge, or to explain its number."""

    on: bool

    def after(self, screen: Screen, model: Model) -> Screen:
        return screen if screen.cutting is self.on else replace(screen, cutting=bool(self.on))


def _known(key: str, before: tuple[Change, ...]) -> str:
    if all(change.key != key for change in before):
        raise ValueError(f"there is no change of {str(key)[:40]!r} any more; nothing was done")
    return key
