"""A card for the first look: what one sees, and two things to try. It goes with the first action."""

from __future__ import annotations

from collections.abc import Sequence

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("first_look")


def first_look(*, title: str, seen: str, tries: Sequence[str]) -> Panel:
    """Return the card as a panel. It reports nothing.

    Args:
        title: a question.
        seen: what answers it on the screen, with its numbers.
        tries: things to try.
    """
    return Panel("first_look", {"title": title, "seen": seen, "tries": list(tries)})
