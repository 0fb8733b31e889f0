"""Figures of "What each part says": lines over depth. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.panels.figures import look_of
from app.theme import CONCEPTS, Pair


def depths(
    nodes: Sequence[str], names: Sequence[str], lines: Mapping[str, Sequence[float | None]], title: str, *, dark: bool
) -> go.Figure:
    """Draw numbers over depth, a line for each kind.

    Args:
        nodes: the tensor of each depth.
        names: its short name.
        lines: the numbers by their meaning; None where there is none.
        title: the kind of number.
        dark: True in the dark theme.
    """
    figure = go.Figure()
    colours = (CONCEPTS["residual"], CONCEPTS["logits"])
    for (label, values), pair, dash in zip(lines.items(), colours, ("dot", "solid"), strict=True):
        figure.add_scatter(
            x=list(names),
            y=list(values),
            name=label,
            mode="lines+markers",
            line={"color": _of(pair, dark), "width": 2, "dash": dash},
            marker={"size": 9},
            customdata=[f"node {node}" for node in nodes],
            hovertemplate="%{x}: %{y:.5g}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(height=340, uirevision=title, **look_of(dark))
    figure.update_xaxes(title="depth: the embedding, then after each block", type="category")
    figure.update_yaxes(title=title, rangemode="tozero" if title == "length" else "normal")
    return figure


def _of(pair: Pair, dark: bool) -> str:
    return pair.dark if dark else pair.light
