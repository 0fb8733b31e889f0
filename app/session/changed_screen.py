"""The screen under other changes of its run. No Streamlit."""

from __future__ import annotations

from dataclasses import replace

from app.session.allowed import with_stage
from app.session.changes import ChangeList, check
from app.session.prompt_run import Shown
from app.session.screen import Model, Screen

MOST_PAST = 100
"""Lists of changes that can be gone back to."""


def changed(screen: Screen, model: Model, listed: ChangeList, same: str = "") -> Screen:
    """Return the screen with these changes, and the run under those that are on.

    Args:
        screen: the screen before.
        model: its model.
        listed: the changes.
        same: what was done, where it goes on with what was done before: both are taken back as one.

    Raises:
        ValueError: a change that does not fit the model.
    """
    if listed == screen.listed:
        return screen
    past = screen.past if same and same == screen.done else (*screen.past, screen.listed)[-MOST_PAST:]
    return replace(under(screen, model, listed), past=past, ahead=(), done=same)


def undone(screen: Screen, model: Model) -> Screen:
    """Return the screen with the changes that it had before the last ones.

    Raises:
        ValueError: there were none before.
    """
    if not screen.past:
        raise ValueError("there is no change to take back; make one first")
    ahead = (*screen.ahead, screen.listed)[-MOST_PAST:]
    return replace(under(screen, model, screen.past[-1]), past=screen.past[:-1], ahead=ahead, done="")


def redone(screen: Screen, model: Model) -> Screen:
    """Return the screen with the changes that were taken back last.

    Raises:
        ValueError: none were taken back, or another change was made since.
    """
    if not screen.ahead:
        raise ValueError("there is no change to bring back; take one back first")
    past = (*screen.past, screen.listed)[-MOST_PAST:]
    return replace(under(screen, model, screen.ahead[-1]), past=past, ahead=screen.ahead[:-1], done="")


def under(screen: Screen, model: Model, listed: ChangeList) -> Screen:
    """Return the screen under these changes; what could be taken back stays."""
    check(listed.changes, model.arch)
    run = screen.shown
    alike = (listed.wishes, listed.keeps) == (run.wishes, run.keeps)
    stage = with_stage(screen.location, screen.look.scale, model.arch, model.limits)
    made = (run.checkpoint, run.text, run, listed.wishes, listed.keeps, model.limits, stage)
    shown = run if alike else Shown.of(*made)
    gone = screen.gone if listed.changes else ""  # with the last change goes what was told of those taken over
    return replace(screen, shown=shown, listed=listed, gone=gone)
