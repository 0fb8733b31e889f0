"""The pictures of the diagram's nodes, as the map's component takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.components.matrix.heatmap import encode
from app.session.explorer import Explorer


def pictures_of(me: Explorer) -> dict[str, Any]:
    """Return the arguments of the map that its diagram needs."""
    drawn = me.pictures()
    codes = [encode(each.pixels, each.low, each.high, each.scale).ravel() for each in drawn.of]
    return {
        "pictures": [
            {
                "id": each.id,
                "tensor": each.tensor,
                "rows": each.pixels.shape[0],
                "scale": each.scale,
                "low": each.low,
                "high": each.high,
            }
            for each in drawn.of
        ],
        "pixels": np.concatenate(codes),
        "columns": drawn.of[0].pixels.shape[1],
        "block": drawn.block,
    }
