"""The prompt above the sections that tell of one: its tokens, and the one whose prediction is looked at."""

from __future__ import annotations

from typing import Final

from app import components
from app.session.actions import Lock
from app.session.explorer import Explorer
from app.state import reports
from app.state.origin import origin
from app.views.lab.heads.measuring import likely

KEY: Final = "lab prompt line"


def prompt_line(me: Explorer) -> None:
    """Draw the prompt; a click on a token follows it, on Explore too."""
    event = reports.new(KEY)
    shown = me.shown
    if event and type(at := event.get("position")) is int and 0 <= at < len(shown.tokens):
        me.apply(Lock(shown.cropped + at))
    label = me.checkpoint.tokenizer.label
    components.token_line(
        key=KEY,
        text=shown.text,
        origin=origin(),
        tokens=shown.tokens,
        cropped=shown.cropped,
        position=me.position,
        says=label(likely(shown.unchanged, me.position)),
    )
