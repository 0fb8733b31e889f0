"""The map of the architecture: a Graphviz drawing with live shapes; click to inspect, open, go up, choose a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver, length
from app.components.live import Panel

deliver("map")


class Crumb(TypedDict):
    """One step of the path from the whole model to the view on the screen."""

    id: str
    label: str


class MapEvent(TypedDict):
    """What the state of `live` holds after an action; act once per `seq`.

    select: inspect node `id`. open: show the inside of node `id`, of block `layer` where it is one of the blocks.
    up: show the view of breadcrumb `id`. layer: look into block `layer`.
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
    """One view of the map; `MapEvent` tells what was clicked.

    Args:
        text: the prompt that the live shapes belong to.
        svg_key: names the drawing, an SVG that `drawing` has brought. In it each node is
            `<g data-node="<id>" class="node concept-<name> …">` with a shape of class `box` and texts of the classes
            `title`, `axes` and `shape`, the last a placeholder for the live shape. Further classes: `container` (has
            an inside), `stack` (stands for all blocks), `port` (belongs to the view around this one), `add`. Edges
            are `<g class="edge …" data-source="<id>" data-target="<id>">`; one of class `residual` is drawn as the
            residual stream.
        shapes: live shape of each node, such as "(1, 17, 384)".
        selected: id of the node that is inspected; it need not be in this view.
        breadcrumbs: from the whole model to this view, which is the last.
        layer: the block that is looked into, or that "open" would show; from 0.
        n_layer: the picker offers this many blocks; it is hidden for one.
        height: of the panel, in pixels or any CSS length.
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
