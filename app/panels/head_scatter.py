"""All heads as points of two scores, with the levels by chance. No Streamlit."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import torch
from torch import Tensor

from app.panels.figures import look_of
from app.panels.head_axes import BASES, EFFECTS, NAMES, Measured, by_chance, needs, sinks, values
from app.theme import ACCENT, CONCEPTS, TEXT, Pair
from gptcore.analysis.head_card import ACTIVE
from gptcore.analysis.head_scores import SCORES

APART = 0.055
"""The part of an axis that two names keep apart, so that both can be read."""
WORD = 0.14, 0.05
"""The parts of both axes that the word at a line takes."""
ATTENTION = 0.35
"""The end of an axis of attention at least: what no head does is then seen to be little."""


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
    ends = _range(x, across), _range(y, up)
    named = _named(across, up, (ends[0][1] - ends[0][0], ends[1][1] - ends[1][0]))
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
            text=[name if name in named else " " for name in names],  # plotly never writes where a text was empty
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
    shares = [_share(scores, end).flatten().tolist() for scores, end in zip((across, up), ends, strict=True)]
    _chance(figure, [*zip(*shares, strict=True)], ends, (x, y), basis, measured, dark)
    figure.update_xaxes(title=axis_title(x, basis), range=ends[0])
    figure.update_yaxes(title=axis_title(y, basis), range=ends[1])
    revision = f"{x} {y} {basis} {measured.trace.ids[0].tolist() if basis not in needs(x, basis) else ''}"
    figure.update_layout(height=height, uirevision=revision, dragmode="zoom", **look_of(dark))
    return figure


def highest(x: str, y: str, basis: str, measured: Measured) -> str:
    """Tell the head with the largest number of each score, and if no head is active in either of them."""
    told, active = [], False
    for name in dict.fromkeys((x, y)):
        found = values(name, basis, measured)
        if found is None or not found.isfinite().any():
            continue
        at = int(found.nan_to_num(-math.inf, -math.inf, -math.inf).argmax())
        layer, head = divmod(at, found.shape[1])
        level = by_chance(name, basis, measured)
        by = f", chance {level:.2f}" if math.isfinite(level) and name not in EFFECTS else ""
        told.append(f"{NAMES[name]} head {layer}.{head} ({float(found[layer, head]):.2f}{by})")
        active |= name not in SCORES or float(found[layer, head]) >= ACTIVE
    said = f"Highest: {'; '.join(told)}." if told else ""
    if told and not active:
        said += f" No head pays {ACTIVE:.0%} of its attention so: ask another question above."
    return said


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


def _chance(
    figure: go.Figure,
    points: list[tuple[float, float]],
    ends: tuple[tuple[float, float], tuple[float, float]],
    names: tuple[str, str],
    basis: str,
    measured: Measured,
    dark: bool,
) -> None:
    """Draw a thin line at each level by chance, with its word where no point is."""
    line = {"color": _of(TEXT, dark), "width": 1, "dash": "dot"}
    for axis, draw in enumerate((figure.add_vline, figure.add_hline)):
        level = by_chance(names[axis], basis, measured)
        if math.isfinite(level):
            word = "no effect" if names[axis] in EFFECTS else f"chance {level:.3g}"
            said = {"annotation_text": word, "annotation_font_size": 12}
            place = free_place(points, _share(torch.tensor(level), ends[axis]).item(), upright=axis == 0)
            draw(level, line=line, opacity=0.75, annotation_position=place, **said)


def free_place(points: list[tuple[float, float]], level: float, *, upright: bool) -> str:
    """Return the end and the side of a line where its word lies on no point and on no name above one.

    Args:
        points: in shares of both axes.
        level: of the line, as a share of its axis.
        upright: the line goes up.

    >>> free_place([(0.2, 0.0)], 0.02, upright=False), free_place([(0.92, 0.0), (0.2, 0.0)], 0.02, upright=False)
    ('top right', 'top left')
    """
    long, far = WORD[0] / 2, 0.5 - WORD[0] / 2
    for place in ("top right", "top left", "bottom right", "bottom left"):
        up, right = 1 if place.startswith("top") else -1, 1 if place.endswith("right") else -1
        x = level + right * long if upright else 0.5 + right * far
        y = 0.5 + up * (0.5 - WORD[1] / 2) if upright else level + up * WORD[1] / 2
        near = (abs(across - x) < long + 0.03 and -WORD[1] - 0.03 < high - y < WORD[1] for across, high in points)
        if not any(near):
            return place
    return "top right"


def _share(values: Tensor, end: tuple[float, float]) -> Tensor:
    """Return where numbers lie on an axis: 0 at its beginning, 1 at its end."""
    return (values - end[0]) / (end[1] - end[0])


def _named(across: Tensor, up: Tensor, spans: tuple[float, float]) -> set[str]:
    """Return the heads that bear their name: those farthest from the middle first, as far as there is room."""
    far = _from_the_middle(across) + _from_the_middle(up)
    heads = [at for at in (across == across).nonzero().tolist() if _is_there(across, up, at)]
    named: dict[str, tuple[float, float]] = {}
    for layer, head in sorted(heads, key=lambda at: -float(far[at[0], at[1]])):
        x, y = float(across[layer, head]) / spans[0], float(up[layer, head]) / spans[1]
        if all(abs(x - other_x) > APART or abs(y - other_y) > APART for other_x, other_y in named.values()):
            named[f"{layer}.{head}"] = x, y
    return {*named}


def _range(name: str, values: Tensor) -> tuple[float, float]:
    """Return both ends of an axis."""
    known = values[values.isfinite()]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if name in SCORES:
        least, most = 0.0, max(ATTENTION, most)
    least, most = min(0.0, least), max(0.0, most)
    room = 0.06 * ((most - least) or 1.0)
    return least - room, most + 1.6 * room


def _from_the_middle(values: Tensor) -> Tensor:
    """Return how far each head is from the middle one, in standard deviations, squared."""
    known = values[values.isfinite()]
    if len(known) < 2:
        return torch.zeros_like(values).double()
    return ((values - known.median()) / (known.std() or 1)).double() ** 2


def _is_there(across: Tensor, up: Tensor, at: list[int]) -> bool:
    return all(math.isfinite(float(each[at[0], at[1]])) for each in (across, up))


def _of(pair: Pair, dark: bool) -> str:
    return pair.dark if dark else pair.light
