"""The screen under other changes of its run. No Streamlit."""

from __future__ import annotations

from dataclasses import replace

from app.session.changes import Change, check
from app.session.prompt_run import Shown
from app.session.screen import Model, Screen


def changed(screen: Screen, model: Model, changes: tuple[Change, ...]) -> Screen:
    """Return the screen with these changes, and the run under those that are on.

    Raises:
        ValueError: a change that does not fit the model.
    """
    if changes == screen.changes:
        return screen
    check(changes, model.arch)
    edits = tuple(change.edit for change in changes if change.on)
    run = screen.shown
    shown = run if edits == run.edits else Shown.of(run.checkpoint, run.text, run, edits, model.limits)
    return replace(screen, shown=shown, changes=changes)
