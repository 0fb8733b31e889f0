"""All heads as points of two scores, with the levels by chance. No Streamlit."""

from __future__ import annotations

import math

import plotly.graph_objects as go
from torch import Tensor

from app.panels.figures import look_of
from app.panels.head_axes import BASES, NAMES, Measured, by_chance, needs, sinks, values
from app.theme import ACCENT, CONCEPTS, TEXT, Pair
from gptcore.analysis.head_scores import SCORES

LABELLED = 24
"""Heads that are all named; of more those that stand out."""
STANDING_OUT = 10


def scatter(
    x: str, y: str, basis: str, measured: Measured, selected: tuple[int, int], *, dark: bool, height: int
) -> go.Figure:
    """Draw every head; a point's `customdata` is its name, "layer.head".

    Raises:
        ValueError: one of the scores is not measured.
    """
    across, up = values(x, basis, measured), values(y, basis, measured)
    if across is None or up is None:
        raise ValueError(f"{x if across is None else y} is not measured yet; measure it first")
    rests = sinks(measured, basis)
    named = _named(across, up)
    figure = go.Figure()
    groups = (
        (False, "heads", "circle", CONCEPTS["pattern"]),
        (True, "sinks: they rest on the first token", "diamond-open", CONCEPTS["residual"]),
    )
    for of_sinks, label, symbol, colour in groups:
        heads = [at for at in (rests == of_sinks).nonzero().tolist() if _is_there(across, up, at)]
        names = [f"{layer}.{head}" for layer, head in heads]
        figure.add_scatter(
            x=[float(across[layer, head]) for layer, head in heads],
            y=[float(up[layer, head]) for layer, head in heads],
            customdata=names,
            text=[name if name in named else "" for name in names],
            textposition="top center",
            mode="markers+text",
            name=label,
            marker={"symbol": symbol, "size": 11, "color": _of(colour, dark), "line": {"width": 1.5}},
            hoverinfo="none",
            showlegend=of_sinks and bool(heads),
        )
    layer, head = selected
    if _is_there(across, up, [layer, head]):
        figure.add_scatter(
            x=[float(across[layer, head])],
            y=[float(up[layer, head])],
            mode="markers",
            marker={"symbol": "circle-open", "size": 18, "color": _of(ACCENT, dark), "line": {"width": 2.5}},
            hoverinfo="skip",
            showlegend=False,
        )
    _chance(figure, x, y, basis, measured, dark)
    figure.update_xaxes(title=axis_title(x, basis))
    figure.update_yaxes(title=axis_title(y, basis))
    revision = f"{x} {y} {basis} {measured.trace.ids[0].tolist() if basis not in needs(x, basis) else ''}"
    figure.update_layout(height=height, uirevision=revision, dragmode="zoom", **look_of(dark))
    return figure


def axis_title(name: str, basis: str) -> str:
    """Return what an axis is called.

    >>> axis_title("induction", "probe"), axis_title("copying", "probe")
    ('induction, on the probe', 'copying (OV), from weights')
    """
    if name in SCORES:
        return f"{NAMES[name]}, {BASES[basis]}"
    where = {"facts": "from weights", "top1": "from weights", "prefix": "on a probe of its own"}
    units = {"losses": "in nats per token", "effects": "in logits"}
    return f"{NAMES[name]}, {where.get(need := needs(name, basis)) or units[need]}"


def _chance(figure: go.Figure, x: str, y: str, basis: str, measured: Measured, dark: bool) -> None:
    """Draw a thin line at each level by chance."""
    line = {"color": _of(TEXT, dark), "width": 1, "dash": "dot"}
    for name, draw in ((x, figure.add_vline), (y, figure.add_hline)):
        level = by_chance(name, basis, measured)
        if math.isfinite(level):
            said = {"annotation_text": f"chance {level:.3g}", "annotation_font_size": 12}
            draw(level, line=line, opacity=0.75, annotation_position="top right", **said)


def _named(across: Tensor, up: Tensor) -> set[str]:
    """Return the heads that bear their name: all of a few, of many those farthest from the middle."""
    heads = [at for at in (across == across).nonzero().tolist() if _is_there(across, up, at)]
    if len(heads) > LABELLED:
        far = _from_the_middle(across) + _from_the_middle(up)
        heads = sorted(heads, key=lambda at: -float(far[at[0], at[1]]))[:STANDING_OUT]
    return {f"{layer}.{head}" for layer, head in heads}


def _from_the_middle(values: Tensor) -> Tensor:
    """Return how far each head is from the middle one, in standard deviations, squared."""
    return ((values - values.nanmedian()) / (values[values == values].std() or 1)).double() ** 2


def _is_there(across: Tensor, up: Tensor, at: list[int]) -> bool:
    return all(math.isfinite(float(each[at[0], at[1]])) for each in (across, up))


def _of(pair: Pair, dark: bool) -> str:
    return pair.dark if dark else pair.light
