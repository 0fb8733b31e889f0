"""The map of the architecture: a Graphviz drawing with live shapes; click to inspect, open, go up, choose a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import deliver, number
from app.components.explore_panels import Panel

deliver("map")


class Crumb(TypedDict):
    """A step of the path from the whole model to the view on the screen."""

    id: str
    label: str


class MapLine(TypedDict):
    """A line of the strips."""

    id: str
    """The node that it selects."""
    tensor: str
    label: str
    title: str
    kind: str | None
    """The kind of its scale; None draws arcs."""
    concept: str
    inside: bool
    """True within the opened block."""
    says: bool
    """True where the lens tells what the model would say."""
    block: int | None
    """The block that its sign opens."""
    rows: int
    """Rows of its pixels."""
    low: float
    high: float


class NodePicture(TypedDict):
    """The picture of a node of the diagram."""

    id: str
    tensor: str
    rows: int
    scale: str
    """"sequential" or "diverging", as of a heatmap."""
    low: float
    high: float


class AddedPart(TypedDict):
    """A part of a logit."""

    line: str
    """The line that it stands beside; "" for one of its own."""
    node: str
    """The node that it selects; "" for none."""
    label: str
    kind: str
    """"part", "constant" or "remainder": these add up; "head": a share of a part; "total"."""
    value: float
    share: float | None
    """The part of the total; None where that is no number."""


class Adds(TypedDict):
    """The parts of the logit of a token at the followed position, or of its lead over another token."""

    token: str
    versus: str | None
    chosen: bool
    """True where a person has chosen one of them."""
    most: float
    """The largest size of a part, which the longest bar stands for."""
    parts: list[AddedPart]
    """In the order of the run, the total last."""
    trouble: str
    """A sentence that says why there are no parts."""


class MapEvent(TypedDict):
    """The state of `explore_panels` after an action; act once per `seq`.

    select: inspect node `id`. open: show the inside of node `id`, for a block that of block `layer`.
    up: show the view of breadcrumb `id`. layer: show block `layer`. find: inspect node `id` in the view that
    draws it. cell: tell the value behind the pixel at `row`, `column` of the strip `id`. why: explain the number
    that the strip `id` shows in `row` at a `position` of the context, of the prompt `text`, with arcs and logits of the
    position `followed`. off: switch off what node `id` is a part of, or have it again. change: select node `id` and
    open the form of changes there.
    """

    kind: Literal["select", "open", "up", "layer", "cell", "find", "why", "off", "change"]
    id: str
    seq: int
    layer: NotRequired[int]
    row: NotRequired[int]
    column: NotRequired[int]
    position: NotRequired[int]
    followed: NotRequired[int]
    text: NotRequired[str]


class StripCell(TypedDict):
    """The value behind a pixel of a strip."""

    id: str
    row: int
    column: int
    channel: int
    position: int
    value: float
    of: int
    """Number of values that the pixel stands for."""


def map_panel(
    *,
    text: str,
    svg_key: str,
    shapes: Mapping[str, str],
    selected: str,
    breadcrumbs: Sequence[Crumb],
    layer: int = 0,
    n_layer: int = 1,
    makes: str = "",
    form: str = "tensors",
    index_key: str = "",
    pass_key: str = "",
    letters: Mapping[str, str] | None = None,
    lines: Sequence[MapLine] = (),
    pictures: Sequence[NodePicture] = (),
    pixels: NDArray[np.uint8] | None = None,
    logits: NDArray[np.float32] | None = None,
    likely: Sequence[str] = (),
    weights: NDArray[np.float32] | None = None,
    head: str = "",
    columns: int = 1,
    block: int = 1,
    T: int = 1,
    position: int = 0,
    locked: bool = False,
    cell: StripCell | None = None,
    changed: Sequence[str] = (),
    off: Sequence[str] = (),
    fixed: Sequence[str] = (),
    margin: str = "says",
    adds: Adds | None = None,
) -> Panel:
    """Return a view of the map as a panel; a click becomes a `MapEvent`.

    Args:
        text: the prompt of the live shapes.
        svg_key: name of the drawing, an SVG that `explore_panels` keeps. In it each node is
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
        makes: id of the tensor that the inspected node hands on: of a container, what is made inside.
        form: "tensors" for the strips, "diagram" for the drawing; only one of them is sent with its numbers.
        index_key: name of the list of nodes for the search, JSON that `explore_panels` keeps: [id, label, layer] each.
        pass_key: name of the list of the nodes of one pass, JSON that `explore_panels` keeps: [id, sentence] each.
        letters: what each axis is, and its number here.
        lines: the strips from top to bottom.
        pictures: the pictures of the diagram's nodes.
        pixels: codes of the pixels of all pictures, or of all strips but the logits, one after another, (rows, columns)
            each.
        logits: (len(likely), T) logits of the most likely tokens.
        likely: labels of these tokens.
        weights: (T,) weights of the chosen head's row at the followed position.
        head: the chosen head, such as "0.1".
        columns: number of columns of the strips and the pictures.
        block: tokens in a column.
        T: tokens of the context.
        position: the position that is followed.
        locked: True if a person has locked it.
        cell: the answer to the last event "cell".
        changed: ids of the nodes of a changed run that are changed themselves.
        off: ids of those of them that are switched off, which are drawn faded.
        fixed: ids of the nodes in sight of which nothing can be changed.
        margin: "says" for what the model would say beside each line, "logit" or "lead" for what each part adds.
        adds: what each part adds.
    """
    data = {
        "text": text,
        "svg_key": svg_key,
        "shapes": dict(shapes),
        "selected": selected,
        "breadcrumbs": [dict(crumb) for crumb in breadcrumbs],
        "layer": layer,
        "n_layer": n_layer,
        "makes": makes,
        "form": form,
        "index_key": index_key,
        "pass_key": pass_key,
        "letters": dict(letters or {}),
        "lines": [dict(line) for line in lines],
        "pictures": [dict(picture) for picture in pictures],
        "likely": list(likely),
        "head": head,
        "cols": columns,
        "block": block,
        "T": T,
        "position": position,
        "locked": locked,
        "margin": margin,
        "fixed": list(fixed),
        "cell": None if cell is None else {**cell, "value": number(cell["value"])},
        **{
            name: array
            for name, array in (("pixels", pixels), ("logits", logits), ("weights", weights))
            if array is not None
        },
    }
    if changed:
        data["changed"] = list(changed)
    if off:
        data["off"] = list(off)
    if adds is not None:
        data["adds"] = {**adds, "parts": [{**part, "value": number(part["value"])} for part in adds["parts"]]}
    return Panel("map", data)
