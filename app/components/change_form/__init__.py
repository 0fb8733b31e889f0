"""The form that makes a change of the run: of which part, in which way, and from which text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("change_form")


class ChangePart(TypedDict):
    """A part of the run that can be changed."""

    words: str
    place: dict[str, Any]
    """Its tensor's `name` and its `head`, `position`, `key` and `channel`, as far as it has them."""
    channels: int
    """Number of channels to choose from, where it has one; else 0."""
    ways: list[str]
    """The kinds of change that it can have, as in `ChangeFormEvent.how`."""


class ChangeFormEvent(TypedDict):
    """The state of `explore_panels` after a click on "change it", or on the form's cross; act once per `seq`."""

    kind: Literal["add", "close"]
    seq: int
    part: NotRequired[dict[str, Any]]
    how: NotRequired[Literal["zero", "scale", "set", "mean", "resample", "patch"]]
    number: NotRequired[float]
    text: NotRequired[str]
    draw: NotRequired[int]


def change_form(
    *, text: str, parts: Sequence[ChangePart], own: str, largest: float, first: int = 0, asked: int = 0
) -> Panel:
    """Return the form as a panel; a choice becomes a `ChangeFormEvent`.

    Args:
        text: the prompt.
        parts: what can be changed at the place, what is most wanted first.
        own: a phrase on which text the model's own is.
        largest: the largest factor.
        first: the number of the part that is chosen when the form opens.
        asked: the number of the report that has opened it: a later one chooses the first part anew.
    """
    data = {
        "parts": [dict(part) for part in parts],
        "own": own,
        "largest": largest,
        "first": first,
        "asked": asked,
    }
    return Panel("change_form", {"text": text, **data})
