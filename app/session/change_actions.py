"""Actions that change the run: add a change, switch it, scale it, take it back; what the mouse does. No Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import get_args

from app.session import changes as listed
from app.session.actions import Action
from app.session.changed_screen import changed, redone, undone
from app.session.changes import Change, ChangeList, Wish
from app.session.screen import Model, Screen, Tool
from gptcore import Edit


@dataclass(frozen=True)
class _Changing(Action):
    """An action that leaves another list of changes."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return changed(screen, model, self.list_after(screen.listed), self.same)

    @property
    def same(self) -> str:
        """A name of what it does, where the same once more is taken back with it; "" for all else."""
        return ""

    def list_after(self, before: ChangeList) -> ChangeList:
        """Return the list that follows."""
        raise NotImplementedError

    def tokens(self, screen: Screen, model: Model) -> int:
        return screen.shown.trace.T


@dataclass(frozen=True)
class SetChanges(_Changing):
    """A list of changes that was kept; the empty one takes all away."""

    changes: tuple[Change, ...] = ()

    def list_after(self, before: ChangeList) -> ChangeList:
        return before.with_changes(self.changes)


@dataclass(frozen=True)
class AddChange(_Changing):
    """One change more, which is on. It takes the place of one of the same part, and ends a comparison."""

    edit: Wish

    def list_after(self, before: ChangeList) -> ChangeList:
        new, those = Change(self.edit), before.changes
        known = any(change.key == new.key for change in those)
        after = [new if change.key == new.key else change for change in those] if known else [*those, new]
        return replace(before.with_changes(after), muted=False)


@dataclass(frozen=True)
class RemoveChange(_Changing):
    """One change less."""

    key: str

    def list_after(self, before: ChangeList) -> ChangeList:
        key = _known(self.key, before)
        return before.with_changes([change for change in before.changes if change.key != key])


@dataclass(frozen=True)
class ToggleChange(_Changing):
    """A change on or off; it stays in the list."""

    key: str
    on: bool

    def list_after(self, before: ChangeList) -> ChangeList:
        key = _known(self.key, before)
        return before.with_changes([replace(c, on=self.on) if c.key == key else c for c in before.changes])


@dataclass(frozen=True)
class ScaleChange(_Changing):
    """Another factor of a part that is changed; 0 switches it off."""

    key: str
    factor: float

    @property
    def same(self) -> str:
        return f"scale {self.key}"

    def list_after(self, before: ChangeList) -> ChangeList:
        key = _known(self.key, before)
        if type(self.factor) not in (int, float) or not math.isfinite(self.factor):
            raise ValueError(f"a factor is a number from 0 to {listed.LARGEST:g}, got {str(self.factor)[:20]!r}")
        return before.with_changes([self._scaled(c) if c.key == key else c for c in before.changes])

    def _scaled(self, change: Change) -> Change:
        edit = change.edit
        if not isinstance(edit, Edit) or edit.how == "set":
            raise ValueError("only what is off or scaled has a factor; scale the part instead")
        off = self.factor == 0
        return replace(change, edit=replace(edit, how="zero" if off else "scale", value=None if off else self.factor))


@dataclass(frozen=True)
class MuteChanges(_Changing):
    """All changes off at once, to compare, or as they were; each keeps its own state."""

    muted: bool

    def list_after(self, before: ChangeList) -> ChangeList:
        return replace(before, muted=bool(self.muted) and bool(before.changes))


@dataclass(frozen=True)
class KeepPatterns(_Changing):
    """Every later pattern as it is without the changes, or as it follows from them."""

    keeps: bool

    def list_after(self, before: ChangeList) -> ChangeList:
        return replace(before, keeps=bool(self.keeps) and bool(before.changes))


@dataclass(frozen=True)
class UndoChange(Action):
    """The list of changes as it was before the last change of it."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return undone(screen, model)

    def tokens(self, screen: Screen, model: Model) -> int:
        return screen.shown.trace.T


@dataclass(frozen=True)
class RedoChange(Action):
    """The list of changes as it was before the last one was taken back."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return redone(screen, model)

    def tokens(self, screen: Screen, model: Model) -> int:
        return screen.shown.trace.T


@dataclass(frozen=True)
class ForgetChanges(Action):
    """The lists of changes that one could go back to are given up; those of now stay."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return replace(screen, past=(), ahead=(), done="", gone="")


@dataclass(frozen=True)
class CloseGone(Action):
    """The sentence on changes of the model before was read."""

    def after(self, screen: Screen, model: Model) -> Screen:
        return replace(screen, gone="") if screen.gone else screen


@dataclass(frozen=True)
class TakeTool(Action):
    """A meaning of the mouse on the stage: a click on a cell cuts its edge, a drag draws its row, or none."""

    tool: Tool

    def after(self, screen: Screen, model: Model) -> Screen:
        if self.tool not in get_args(Tool):
            raise ValueError(f"there is no tool {str(self.tool)[:20]!r}; choose one of those on the stage")
        return screen if screen.tool == self.tool else replace(screen, tool=self.tool)


def _known(key: str, before: ChangeList) -> str:
    if all(change.key != key for change in before.changes):
        raise ValueError(f"there is no change of {str(key)[:40]!r} any more; nothing was done")
    return key
