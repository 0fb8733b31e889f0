"""A plotly figure that is drawn again and again at one place, without a flicker and without losing its zoom."""

from __future__ import annotations

import json

import plotly.graph_objects as go
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.layout_utils import LayoutConfig
from streamlit.proto.PlotlyChart_pb2 import PlotlyChart


def plot(place: DeltaGenerator, figure: go.Figure, key: str, *, bar: bool = False) -> None:
    """Draws it in a container; the same key is the same plot.

    `st.plotly_chart` takes the figure into the plot's identity, so that new numbers make the browser throw the plot
    away and make another; this sends the same message under an identity of the key alone.
    """
    message = PlotlyChart(
        id=f"gptscope-{key}",
        theme="streamlit",
        spec=figure.to_json(),
        config=json.dumps({"displayModeBar": bar}),
    )
    place._enqueue("plotly_chart", message, layout_config=LayoutConfig(width="stretch"))
