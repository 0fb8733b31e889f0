"""All attention heads of all layers as live thumbnails; the user selects one by click or keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import deliver, length
from app.components.explore_panels import Panel

deliver("heads")

MAX_SIZE = 40
"""Largest side of a thumbnail in pixels; pool longer patterns before."""


FULL, UNKNOWN = 254, 255
"""Pixel values of a weight of 1, and of NaN."""


class HeadEvent(TypedDict):
    """The state of `explore_panels` after a click, or with `off` after Delete, to switch it off; act once per `seq`."""

    layer: int
    head: int
    off: NotRequired[bool]
    seq: int


@cache
def _triangle(size: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.tri(size, dtype=bool))


def heads(
    *,
    text: str,
    pixels: NDArray[np.uint8],
    selected: tuple[int, int] | None = None,
    causal: bool = True,
    gamma: float = 0.5,
    title: str = "Attention",
    film: bool = False,
    shown: bool = True,
    changed: Sequence[tuple[int, int, bool]] = (),
    height: int | str = "100%",
) -> Panel:
    """Return the grid as a panel; a click becomes a `HeadEvent`.

    Args:
        text: the prompt of the patterns.
        pixels: (L, H, n, n) patterns, rows are queries: 0 for a weight of 0, FULL for a weight of 1,
            UNKNOWN for NaN; n <= `MAX_SIZE`.
        selected: (layer, head), both from 0.
        causal: True if every pattern is 0 above its diagonal, so that only the other half is sent.
        gamma: exponent of the colour, weight ** gamma; 0.5 makes weak weights visible.
        title: heading of the panel.
        film: True for the heads of the selected block alone, below each other; False for a grid of all.
        shown: False where the plot beside the film has no heads: the pictures travel, and take no room.
        changed: (layer, head, off) of those whose part in the run is changed; what is off is drawn faded.
        height: pixels or any CSS length; the grid scrolls inside.
    """
    if pixels.ndim != 4 or pixels.shape[2] != pixels.shape[3] or pixels.shape[2] > MAX_SIZE:
        raise ValueError(f"pixels has shape {pixels.shape}; wanted (L, H, n, n) with n at most {MAX_SIZE}")
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels is {pixels.dtype}; wanted uint8, where {FULL} is a weight of 1")
    n_layer, n_head, size, _ = pixels.shape
    flat = pixels.reshape(n_layer * n_head, size * size)
    data = {
        "text": text,
        "pixels": (flat[:, _triangle(size)] if causal else flat).ravel(),
        "n_layer": n_layer,
        "n_head": n_head,
        "size": size,
        "packed": causal,
        "selected": None if selected is None else {"layer": selected[0], "head": selected[1]},
        "gamma": gamma,
        "title": title,
        "film": film,
        "shown": shown,
        "height": length(height),
    }
    if changed:
        data["changed"] = [list(each) for each in changed]
    return Panel("heads", data)
