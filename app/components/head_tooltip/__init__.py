"""A picture of a head's pattern beside the point that the pointer is at; invisible until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, register
from app.components.heads import MAX_SIZE

_TOOLTIP = register("head_tooltip")


@cache
def _triangle(size: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.tri(size, dtype=bool))


def head_tooltip(*, key: str, pixels: NDArray[np.uint8], points: Mapping[str, Sequence[str]], caption: str) -> None:
    """Mount it. It hears "gptscope:point" of plots and tables.

    Args:
        key: key of the component.
        pixels: (L, H, n, n) causal patterns, as `heads` takes them.
        points: the lines below the picture of each head, by its name "layer.head".
        caption: what the picture is of.
    """
    if pixels.ndim != 4 or pixels.shape[2] != pixels.shape[3] or pixels.shape[2] > MAX_SIZE:
        raise ValueError(f"pixels has shape {pixels.shape}; wanted (L, H, n, n) with n at most {MAX_SIZE}")
    n_layer, n_head, size, _ = pixels.shape
    flat = pixels.reshape(n_layer * n_head, size * size)[:, _triangle(size)]
    told = {name: list(lines) for name, lines in points.items()}
    data = {"pixels": flat.ravel(), "n_head": n_head, "size": size, "points": told, "caption": caption}
    _TOOLTIP(key=key, data=check_payload(data))
