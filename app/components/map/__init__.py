"""The map of the architecture: a Graphviz drawing with live shapes; click to inspect, open, go up, choose a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver, length
from app.components.live import Panel

deliver("map")


class Crumb(TypedDict):
    """A step of the path from the whole model to the view on the screen."""

    id: str
    label: str


class MapEvent(TypedDict):
    """The state of `live` after an action; act once per `seq`.

    select: inspect node `id`. open: show the inside of node `id`, for a block that of block `layer`.
    up: show the view of breadcrumb `id`. layer: show block `layer`.
    """

    kind: Literal["select", "open", "up", "layer"]
    id: str
    seq: int
    layer: NotRequired[int]


def map_panel(
    *,
    text: str,
    svg_key: str,
    shapes: Mapping[str, str],
    selected: str,
    breadcrumbs: Sequence[Crumb],
    layer: int = 0,
    n_layer: int = 1,
    height: int | str = 600,
) -> Panel:
    """Return a view of the map as a panel; a click becomes a `MapEvent`.

    Args:
        text: the prompt of the live shapes.
        svg_key: name of the drawing, an SVG that `live` keeps. In it each node is
            `<g data-node="<id>" class="node concept-<name> …">` with a shape of class `box` and texts of the classes
            `title`, `axes` and `shape`, the last a placeholder for the live shape. Further classes: `container` (has
            an inside), `stack` (represents all blocks), `port` (belongs to the view around this one), `add`. Edges
            are `<g class="edge …" data-source="<id>" data-target="<id>">`; one of class `residual` is drawn as the
            residual stream.
        shapes: live shape of each node, such as "(1, 17, 384)".
        selected: id of the inspected node; it may be outside this view.
        breadcrumbs: path from the whole model to this view, which is the last.
        layer: the block on the screen, or the one that "open" would show; from 0.
        n_layer: number of blocks in the picker, which is hidden for one block.
        height: pixels or any CSS length.
    """
    data = {
        "text": text,
        "svg_key": svg_key,
        "shapes": dict(shapes),
        "selected": selected,
        "breadcrumbs": [dict(crumb) for crumb in breadcrumbs],
        "layer": layer,
        "n_layer": n_layer,
        "height": length(height),
    }
    return Panel("map", data)
