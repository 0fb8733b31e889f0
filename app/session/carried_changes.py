"""The changes of a run when another model takes its place: those that it has the parts for stay. No Streamlit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from app.session.changed_screen import under
from app.session.changes import Change, ChangeList, Other, check, words
from app.session.screen import Model, Screen
from gptcore import Architecture

MOST_TOLD = 3
"""Changes that are told by their names."""


def carried(screen: Screen, model: Model, before: Screen, model_before: Model) -> Screen:
    """Return the first screen of a model with the changes of the one before, as far as they fit; it tells of the rest.

    What could be taken back there can be taken back here, as far as it fits; but nothing where no change is left:
    who opens a model as it is wants none of another one's.
    """
    wanted = before.listed
    for listed in _attempts(_fitting(wanted, model.arch)):
        try:
            after = under(screen, model, listed)
        except ValueError:  # its tokenizer cannot read another text, or two runs cost too much
            continue
        kept = {change.key for change in listed.changes}
        left = [change for change in wanted.changes if change.key not in kept]
        told = (_told(left, len(wanted.changes), model_before.arch), _stays(listed, model.arch))
        past = _past(before, model.arch, listed) if wanted.changes else ()
        return replace(after, past=past, gone=" ".join(filter(None, told)))
    return screen


def _attempts(listed: ChangeList) -> Iterator[ChangeList]:
    """Yield what is tried: all of it, what needs no other text, nothing."""
    yield listed
    yield listed.with_changes([change for change in listed.changes if not isinstance(change.edit, Other)])
    yield ChangeList()


def _fitting(listed: ChangeList, arch: Architecture) -> ChangeList:
    """Return the changes that a model has the parts for, in their order."""
    found: list[Change] = []
    for change in listed.changes:
        try:
            check([*found, change], arch)
        except ValueError:
            continue
        found.append(change)
    return listed.with_changes(found)


def _past(before: Screen, arch: Architecture, now: ChangeList) -> tuple[ChangeList, ...]:
    """Return the lists that can be gone back to, each another one than that after it."""
    found: list[ChangeList] = []
    after = now
    for each in reversed(before.past):
        listed = _fitting(each, arch)
        if listed != after:
            found.append(listed)
            after = listed
    return tuple(reversed(found))


def _told(left: list[Change], of: int, arch: Architecture) -> str:
    """Return which changes are gone, in the words of the model that had them; "" where none are."""
    if not left:
        return ""
    which = "The change" if of == 1 else "All changes" if len(left) == of else f"{len(left)} of {of} changes"
    does = "does" if len(left) == 1 else "do"
    gone = "it is" if len(left) == 1 else "they are"
    return f"{which} of the run {does} not fit this model; {gone} gone: {_names(left, arch)}."


def _stays(listed: ChangeList, arch: Architecture) -> str:
    """Return which changes were taken over and are on, so that nobody takes their numbers for the model's own."""
    on = [] if listed.muted else [change for change in listed.changes if change.on]
    if not on:
        return ""
    return f"Taken over from the model before: {_names(on, arch)}. “remove all” shows this model as it is."


def _names(changes: list[Change], arch: Architecture) -> str:
    names = [words(change.edit, arch) for change in changes[:MOST_TOLD]] + ["…"][: len(changes) > MOST_TOLD]
    return ", ".join(names)
