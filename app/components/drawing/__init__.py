"""A drawing for the map, in a separate message that is not sent again while it stays the same. Invisible."""

from __future__ import annotations

from app.components._assets import check_payload, register

_DRAWING = register("drawing")


def drawing(*, key: str, svg: str, svg_key: str) -> None:
    """Hand the SVG text `svg` to the page under the name `svg_key`; mount it outside the map's fragment."""
    _DRAWING(key=key, data=check_payload({"svg": svg, "svg_key": svg_key}))
