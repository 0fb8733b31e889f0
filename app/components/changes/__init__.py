"""The changes of the run as a line of its own: which there are, which are on, and what they are as code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("changes")


class ListedChange(TypedDict):
    """A change in the list."""

    key: str
    """The part of the run that it changes; each has one change."""
    words: str
    title: str
    """A sentence more on it; "" for none."""
    on: bool
    waits: bool
    """True while the prompt has no such token yet."""
    factor: float | None
    """The factor of a part that is scaled, 0 for one that is off; None of any other change."""
    name: str
    how: str
    head: int | None


class ChangesEvent(TypedDict):
    """The state of `explore_panels` after a click or a move of a slider; send `seq` back as `ack`."""

    kind: Literal["toggle", "remove", "scale", "clear", "mute", "keep", "undo", "redo", "forget", "read-gone", "read"]
    key: NotRequired[str]
    on: NotRequired[bool]
    factor: NotRequired[float]
    text: NotRequired[str]
    """The prompt whose losses are to be read."""
    seq: int


def changes(
    *,
    text: str,
    listed: Sequence[ListedChange],
    told: str,
    code: str,
    largest: float,
    keeps: bool = False,
    muted: bool = False,
    undo: bool = False,
    redo: bool = False,
    gone: str = "",
    late: bool = False,
    ack: int = 0,
) -> Panel:
    """Return the line as a panel; an action becomes a `ChangesEvent`.

    Args:
        text: the prompt.
        listed: the changes, in the order in which they are applied.
        told: a sentence that says whose the numbers on the screen are.
        code: Python that makes the same run.
        largest: the largest factor.
        keeps: True where every later pattern is kept as it is without the changes.
        muted: True while all are off at once.
        undo: True where the last change of the list can be taken back.
        redo: True where one that was taken back can be brought back.
        gone: a sentence on changes that the model has no parts for, until it is closed; "" for none.
        late: True where the losses took too long for a key: the page asks for them when typing pauses.
        ack: `seq` of the last event that was processed.
    """
    data = {"text": text, "listed": [dict(each) for each in listed], "told": told, "code": code, "largest": largest}
    data |= {"keeps": keeps, "muted": muted, "undo": undo, "redo": redo, "gone": gone, "late": late, "ack": ack}
    return Panel("changes", data)
