"""A plotly figure, drawn again in place: the user's zoom and hidden curves stay when new points come.

`st.plotly_chart` mounts a new plot for each figure: the figure is a part of the element's identity, whatever its key.
This component sends plotly.js, a part of the Python package, to the page once, and `Plotly.react` draws all figures of
a key in one plot. The figure's `uirevision` decides what stays.
"""

from __future__ import annotations

import gzip
from functools import cache
from typing import NotRequired, TypedDict

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from app.components._assets import check_payload, register

_PLOT = register("plot", isolate_styles=False)  # plotly.js adds its styles to the document, not to a shadow root


class PlotEvent(TypedDict):
    """The state of a plot after a click on a point, under "event"; act once per `seq`."""

    point: str
    form: NotRequired[bool]
    """True where the form of changes is asked for, too."""
    seq: int


@cache
def _library() -> NDArray[np.uint8]:
    return np.frombuffer(gzip.compress(get_plotlyjs().encode()), np.uint8)


def plotly_js(*, key: str = "plotly") -> None:
    """Mount plotly.js once per page run, outside any fragment, on pages with plots. Invisible."""
    _PLOT(key=key, data=check_payload({"library": _library()}))


def plot(
    figure: go.Figure,
    *,
    key: str,
    bar: bool = True,
    points: bool = False,
    forms: bool = False,
    chosen: str = "",
    below: int | None = None,
    label: str = "",
) -> None:
    """Mount a plot.

    With `points` the points of traces that have `customdata`, a text for each, can be pointed at: a click is reported
    as a `PlotEvent`, and while one is under the pointer, the browser hears "gptscope:point" with its text and place.
    The plot is then one stop of the Tab key: arrows go from point to point, and Enter does what a click does.

    Args:
        figure: figure with a height; the width is the page's.
        key: key of the plot; another figure with the same key is drawn in the same plot.
        bar: True to show plotly's buttons on hover.
        points: True to report points.
        forms: True if a right click on a point, or the key C, asks for the form that changes what it stands for.
        chosen: the point that is chosen; a click on several that cover each other reports the next one after it.
        below: pixels that stay free below the plot in a window that is higher than the figure needs, where columns
            stand beside each other; None for the figure's own height.
    """
    if not figure.layout.height:
        raise ValueError(f"the figure of {key!r} has no height; give it one with update_layout(height=...)")
    config = {"displayModeBar": None if bar else False, "displaylogo": False, "responsive": True}
    data = {
        "figure": figure.to_json(),
        "config": config,
        "points": points,
        "forms": forms,
        "chosen": chosen,
        "below": below,
        "label": label,
    }
    _PLOT(key=key, data=check_payload(data))
