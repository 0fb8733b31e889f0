"""The menu that saves a picture of the stage, the map or the training strip, as PNG or SVG with a caption."""

from __future__ import annotations

from collections.abc import Sequence

from app.components._assets import deliver
from app.components.live import Panel

deliver("save")


def save(*, caption: Sequence[str]) -> Panel:
    """Return the menu as a panel. It reports nothing.

    Args:
        caption: two lines below each picture: model and place, then the prompt.
    """
    return Panel("save", {"caption": list(caption)})
