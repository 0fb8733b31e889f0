"""From values to plotly figures. This file knows no Streamlit and no tensors."""

from __future__ import annotations

import hashlib
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.theme import CONCEPTS, LINE, RAISED, TEXT, Pair
from app.training.learning_curves import Curve, LearningCurves, smoothed

MOST_POINTS = 3000
"""Largest number of points of a curve: more than the width of a screen."""
LOSSES = {"loss": "batch", "train_loss": "training", "val_loss": "held-out"}
COLOURS = {"loss": CONCEPTS["residual"], "train_loss": CONCEPTS["q"], "val_loss": CONCEPTS["logits"]}
BESIDE = {
    "accuracy": ("right answers", ("train_accuracy", "val_accuracy"), ".1%"),
    "lr": ("learning rate", ("lr",), ".3g"),
    "tokens_per_s": ("tokens per second", ("tokens_per_s",), ",.0f"),
    "grad_norm": ("norm of the gradient", ("grad_norm",), ".3g"),
}
"""Smaller curves: title, kinds, and number format."""


def losses(history: LearningCurves, *, weight: float, log: bool, dark: bool, height: int = 460) -> go.Figure:
    """Draw the losses of a history, in nats, over its steps. The numbers are exactly the file's.

    Single batches are faint, and smoothed by `weight`; evaluations are points; the best one is marked.
    """
    figure = go.Figure()
    for kind, label in LOSSES.items():
        if kind not in history.curves:
            continue
        curve, colour = history.curves[kind], _of(COLOURS[kind], dark)
        if kind == "loss":
            _add(figure, curve.thinned(MOST_POINTS), label, colour, width=1, opacity=0.4 if weight else 0.9)
            if weight:
                smooth = Curve(curve.steps, smoothed(curve.values, weight)).thinned(MOST_POINTS)
                _add(figure, smooth, f"{label}, smoothed", colour, width=2)
        else:
            _add(figure, curve.thinned(MOST_POINTS), label, colour, width=2.5, mode="lines+markers")
    if history.best is not None:
        step, value = history.best
        figure.add_scatter(
            x=[step],
            y=[value],
            name="best held-out",
            mode="markers",
            marker={"symbol": "star", "size": 15, "color": _of(COLOURS["val_loss"], dark)},
            hovertemplate="best: step %{x:,}, %{y:.4f} nats<extra></extra>",
        )
    # A change of the scale resets the view of y; any other zoom of the user stays.
    figure.update_yaxes(type="log" if log else "linear", uirevision=f"{log}", title="loss, nats a token")
    figure.update_xaxes(title="step")
    figure.update_layout(height=height, uirevision=_name_of(history), **look_of(dark))
    return figure


def beside(history: LearningCurves, *, dark: bool) -> go.Figure | None:
    """Draw accuracy, learning rate, tokens per second and the gradient's norm, if the history has any; else None."""
    shown = [found for found in BESIDE.values() if any(kind in history.curves for kind in found[1])]
    if not shown:
        return None
    figure = make_subplots(
        rows=len(shown),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.11,
        subplot_titles=[title for title, _, _ in shown],
    )
    for row, (title, kinds, form) in enumerate(shown, 1):
        for kind in kinds:
            if kind in history.curves:
                curve = history.curves[kind].thinned(MOST_POINTS)
                colour = _of(CONCEPTS["logits"] if kind == "val_accuracy" else CONCEPTS["q"], dark)
                figure.add_scatter(
                    x=curve.steps,
                    y=curve.values,
                    line={"color": colour, "width": 1.5},
                    hovertemplate=f"step %{{x:,}}: %{{y:{form}}}<extra>{title}</extra>",
                    row=row,
                    col=1,
                )
        if title == "right answers":
            figure.update_yaxes(range=[0, 1.04], tickformat=".0%", row=row, col=1)
    figure.update_annotations(font_size=12.5, xanchor="left", x=0)
    height = min(460, 170 + 130 * (len(shown) - 1))
    figure.update_layout(height=height, uirevision=_name_of(history), showlegend=False, **look_of(dark))
    figure.update_layout(margin_t=26)
    return figure


def _name_of(history: LearningCurves) -> str:
    """Return a name under which the browser keeps a zoom: not the file's, which is a path of this machine."""
    return hashlib.blake2b(str(history.file).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def look_of(dark: bool) -> dict[str, Any]:
    """Return the layout that all figures share: margins, and the page's own look."""
    text, line = (_of(pair, dark) for pair in (TEXT, LINE))
    axis = {"gridcolor": line, "zerolinecolor": line, "ticks": "", "title": {"font": {"size": 13}}, "automargin": True}
    look = {
        "font": {"family": '"Source Sans", sans-serif', "size": 12.5, "color": text},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "hoverlabel": {"bgcolor": _of(RAISED, dark), "font": {"color": text}},
        "xaxis": axis,
        "yaxis": axis,
    }
    return {
        "template": {"layout": look},
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }


def _of(pair: Pair, dark: bool) -> str:
    return pair.dark if dark else pair.light


def _add(
    figure: go.Figure, curve: Curve, name: str, colour: str, *, width: float, opacity: float = 1, mode: str = "lines"
) -> None:
    figure.add_scatter(
        x=curve.steps,
        y=curve.values,
        name=name,
        mode=mode,
        line={"color": colour, "width": width},
        marker={"size": 6},
        opacity=opacity,
        hovertemplate="step %{x:,}: %{y:.4f} nats<extra>%{fullData.name}</extra>",
    )
