"""Figures of "What each part says": bars that add up, lines over depth, attention as a heatmap. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.panels.figures import look_of
from app.panels.logit_parts import Bar
from app.panels.token_words import in_figure
from app.theme import CONCEPTS, DIVERGING, SEQUENTIAL, TEXT, Pair

BAR: Final = 25
"""Pixels of a bar with the gap to the next: a finger can hit it."""
MOST_LABELS: Final = 64
"""Tokens at an axis; of a longer prompt only each second, third ... is named."""
MOST_TOKENS: Final = 128
"""Tokens of a heatmap: more cells than that have no room on a screen."""


def bars(each: Sequence[Bar], total: float, what: str, *, dark: bool) -> go.Figure:
    """Draw summands, one below the other, and below all of them the number that they add up to."""
    ends = DIVERGING.dark if dark else DIVERGING.light
    colours = [ends[3] if bar.value >= 0 else ends[1] for bar in each]
    figure = go.Figure(
        go.Bar(
            x=[*(bar.value for bar in each), total],
            y=[*(bar.label for bar in each), what],
            orientation="h",
            marker={"color": [*colours, _of(TEXT, dark)]},
            text=[*(f"{bar.value:+.3f}" for bar in each), f"{total:+.3f}"],
            textposition="outside",
            cliponaxis=False,
            customdata=[*(bar.place for bar in each), ""],
            hovertemplate="%{y}: %{x:+.6g}<extra></extra>",
        )
    )
    figure.update_layout(height=BAR * (len(each) + 1) + 60, uirevision=what, bargap=0.25, **look_of(dark))
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False)
    low, high = min(0.0, total, *(bar.value for bar in each)), max(0.0, total, *(bar.value for bar in each))
    room = 0.12 * ((high - low) or 1)
    figure.update_xaxes(title="logits", range=[low - room, high + room], zeroline=True, zerolinewidth=2)
    return figure


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


def attention(matrix: NDArray[np.float32], tokens: Sequence[str], first: int, title: str, *, dark: bool) -> go.Figure:
    """Draw a matrix of queries (rows) and keys (columns), (T, T); the future, which no query sees, is empty.

    Args:
        matrix: the numbers.
        tokens: their labels.
        first: the position of the first of them in the context.
        title: the meaning of the numbers, at the scale.
        dark: True in the dark theme.
    """
    T = len(tokens)
    shown = np.where(np.tri(T, dtype=bool), matrix.astype(np.float64), np.nan)
    names = [f"{first + at} {in_figure(token)}" for at, token in enumerate(tokens)]
    labelled = names[:: -(-T // MOST_LABELS)]
    places = [[f"cell {first + query} {first + key}" for key in range(T)] for query in range(T)]
    stops = SEQUENTIAL.dark if dark else SEQUENTIAL.light
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            customdata=places,
            colorscale=[[at / (len(stops) - 1), colour] for at, colour in enumerate(stops)],
            zmin=0,
            zmax=float(np.nanmax(shown)) or 1.0,
            colorbar={"title": {"text": title, "side": "right"}, "thickness": 12},
            hovertemplate="query %{y}<br>key %{x}<br>%{z:.5g}<extra></extra>",
            hoverongaps=False,
            x=names,
            y=names,
        )
    )
    axis: dict[str, Any] = {"type": "category", "tickvals": labelled, "showgrid": False}
    figure.update_layout(height=600, uirevision=f"{title} {T}", **look_of(dark))
    figure.update_xaxes(title="key: the token that is read", tickangle=-60, constrain="domain", **axis)
    square = {"scaleanchor": "x", "constrain": "domain"}
    figure.update_yaxes(title="query: the position that reads", autorange="reversed", **axis, **square)
    return figure


def _of(pair: Pair, dark: bool) -> str:
    return pair.dark if dark else pair.light
