"""Values to plotly figures. No Streamlit, no tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.theme import CONCEPTS

NAMES = {"loss": "single batches", "train_loss": "training text", "val_loss": "held-out text"}


def loss_curve(curve: Mapping[str, Sequence[float | None]], dark: bool) -> go.Figure:
    """Loss in nats over the steps of training; `curve` holds "step" and any of `NAMES`, None where unknown."""
    figure = go.Figure()
    colours = dict(zip(NAMES, (CONCEPTS["residual"], CONCEPTS["q"], CONCEPTS["logits"]), strict=True))
    for name, label in NAMES.items():
        points = [(x, y) for x, y in zip(curve["step"], curve[name], strict=True) if y is not None]
        colour = colours[name].dark if dark else colours[name].light
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=label,
            mode="lines" if name == "loss" else "lines+markers",
            line={"color": colour, "width": 1 if name == "loss" else 2.5},
            opacity=0.5 if name == "loss" else 1,
            hovertemplate="step %{x:,}: %{y:.4f} nats<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        xaxis_title="step",
        yaxis_title="loss, nats a token",
        height=380,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.08},
    )
    return figure
