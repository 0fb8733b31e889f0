"""A plotly figure, drawn again in place: what a person zoomed, or hid in the legend, stays when new points come.

`st.plotly_chart` mounts another plot for each figure: it takes the figure for the element's identity, whatever its key.
Here plotly.js, which the Python package brings along, goes to the page once, and `Plotly.react` draws all figures of a
key in one plot. What then stays is told by the figure's `uirevision`.
"""

from __future__ import annotations

import gzip
from functools import cache

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from app.components._assets import check_payload, register

_PLOT = register("plot", isolate_styles=False)  # plotly.js styles the document, which no shadow root would see


@cache
def _library() -> NDArray[np.uint8]:
    return np.frombuffer(gzip.compress(get_plotlyjs().encode()), np.uint8)


def plotly_js(*, key: str = "plotly") -> None:
    """Mount once per page run, outside any fragment, where plots are shown. Invisible."""
    _PLOT(key=key, data=check_payload({"library": _library()}))


def plot(figure: go.Figure, *, key: str, bar: bool = True) -> None:
    """Mount a plot.

    Args:
        figure: tells its own height; the width is the page's.
        key: of the plot; another figure under the same key is drawn in the same plot.
        bar: whether plotly's buttons are shown when the plot is pointed at.
    """
    if not figure.layout.height:
        raise ValueError(f"the figure of {key!r} has no height; give it one with update_layout(height=...)")
    config = {"displayModeBar": None if bar else False, "displaylogo": False, "responsive": True}
    _PLOT(key=key, data=check_payload({"figure": figure.to_json(), "config": config}))
