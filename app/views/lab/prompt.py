"""The prompt above the sections that tell of one: its tokens, and the one whose prediction is looked at."""

from __future__ import annotations

from typing import Final

from app import components
from app.session.actions import Lock
from app.session.explorer import Explorer
from app.state import reports
from app.state.origin import origin

KEY: Final = "lab prompt line"


def hear(me: Explorer) -> None:
    """Follow the token that was clicked in the line, on Explore too."""
    event = reports.new(KEY)
    shown = me.shown
    if event and type(at := event.get("position")) is int and 0 <= at < len(shown.tokens):
        me.apply(Lock(shown.cropped + at))


def prompt_line(me: Explorer) -> None:
    """Draw the prompt."""
    shown = me.shown
    label = me.checkpoint.tokenizer.label
    [says], [without] = shown.likely(me.position, 1), shown.likely_unchanged(me.position, 1)
    components.token_line(
        key=KEY,
        text=shown.text,
        origin=origin(),
        tokens=shown.tokens,
        cropped=shown.cropped,
        position=me.position,
        says=label(says),
        without=None if shown.without is None else label(without),
    )
