"""Attention, summed up over layers or weighted by what is read."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app import components
from app.components import BarRow, Heatmap, Panel, number
from app.panels import part_code
from app.panels.token_words import visible
from app.session import events, lab_costs
from app.session.actions import Lock
from app.session.explorer import Explorer
from app.state import lab, reports, server
from app.state.origin import origin
from app.views.lab.fitting import fits
from app.views.lab.what_parts_say.choices import number as number_of
from app.views.lab.what_parts_say.choices import places, segments
from app.views.lab.what_parts_say.picture import RAW, after, go, heading, opened
from app.views.markdown import escaped
from gptcore.analysis import rollout, value_weighted, value_weighted_layer

PLOT: Final = "lab attention map"
ROW: Final = "lab attention row"
COUNT: Final = 12
"""Tokens of the row that is told beside it."""
HEIGHT: Final = "max(420px, calc(100vh - 250px))"
KINDS: Final = {"rollout": "rollout", "head": "a head, by values", "layer": "a layer, by values"}


def attention(me: Explorer, row: DeltaGenerator) -> None:
    """Draw the picture, with its choices in a row that has begun."""
    config, run = me.arch.config, me.shown.unchanged
    with row:
        kind = segments("attention", KINDS, "Attention", shown=False)
        if kind == "rollout":
            layer = number_of("layers", range(1, config.n_layer + 1), "layers", config.n_layer)
        else:
            layer = number_of("of_layer", range(config.n_layer), "layer", me.location.layer)
        head = number_of("of_head", range(config.n_head), "head", me.location.head) if kind == "head" else None
    if not fits(me, lab_costs.of_attention(config, run.T, kind, layer), f"Attention over {run.T:,} tokens, summed up,"):
        return
    with server.turn(me.parameters):
        matrix, title, convention, code = _picture(me, kind, layer, head)
    heading(title, convention, code, "attention")
    numbers = np.where(np.tri(run.T, dtype=bool), matrix.float().cpu().numpy(), -np.inf).astype(np.float32)
    largest = float(matrix.max())
    top = 1.0 if kind == "rollout" else largest if 0 < largest < math.inf else 1.0
    heat = components.heatmap(numbers, scale="sequential", vmin=0.0, vmax=top)
    node = me.arch.named("attention", layer - 1 if kind == "rollout" else layer)
    left, right = st.columns([1.75, 1], gap="medium")
    with left:
        components.matrix_alone(_panel(me, numbers, heat, title), key=PLOT)
    with right:
        _row(me, numbers, "share" if kind == "rollout" else "length of what is added")
        _cell(me, numbers, f"node {node}" if head is None else f"head {layer} {head}")


def _row(me: Explorer, numbers: NDArray[np.float32], unit: str) -> None:
    """Draw what the followed position reads most, as bars; a click follows the token that is read."""
    event = reports.new(ROW)
    match str((event or {}).get("point", "")).split(" "):
        case ["token", at] if at.isdecimal() and int(at) <= me.position:
            me.apply(Lock(me.shown.cropped + int(at)))
    row = numbers[me.position, : me.position + 1]
    order = np.argsort(-np.nan_to_num(row), kind="stable")[:COUNT]
    rows: list[BarRow] = [
        {"label": f"{visible(me.shown.tokens[at])} {at}", "value": number(float(row[at])), "place": f"token {at}"}
        for at in order.tolist()
    ]
    st.markdown(f"**What is read {escaped(after(me))}**")
    components.bars(rows, key=ROW, origin=origin(), label="What is read most", unit=unit, signed=False)
    st.caption("Click a token to go on from there: what it reads itself.")


def _panel(me: Explorer, numbers: NDArray[np.float32], heat: Heatmap, title: str) -> Panel:
    """Return the heatmap, with what the browser has asked for of one that is too large to be sent whole."""
    last: object = reports.last(PLOT)
    few: dict[str, Any] = {}
    hover, near = events.cell(last, title), events.part(last, title, *numbers.shape)
    inside = hover is not None and max(hover) < len(numbers)
    if heat.values is None and near is not None and near[2] * near[3] <= components.MOST_CELLS:
        row, col, rows, cols = near
        few = {"cells": numbers[row : row + rows, col : col + cols].ravel(), "cells_at": near}
    return components.matrix(
        text=None,
        name=title,
        heat=heat,
        row_axis="query",
        col_axis="key",
        row_labels=me.shown.tokens,
        col_labels=me.shown.tokens,
        square=True,
        causal=True,
        value_at=(*hover, float(numbers[hover])) if hover and inside else None,
        ack=reports.seq(PLOT),
        note="point or use the arrows for a number; a click keeps it",
        panel="summed attention",
        height=HEIGHT,
        placed=True,
        pin=_pinned(len(numbers)),
        **few,
    )


def _pinned(count: int) -> tuple[int, int] | None:
    """Return the cell that was clicked, (query, key); a link carries it. It is the same in each of the pictures."""
    match reports.new(PLOT):
        case {"pin": {"row": int(row), "col": int(col)}}:
            lab.choose("pin", f"{row}.{col}")
        case {"pin": None}:
            lab.choose("pin", "")
    match places("pin", 2):
        case (row, col) if col <= row < count:
            return row, col
    return None


def _cell(me: Explorer, numbers: NDArray[np.float32], place: str) -> None:
    """Tell of the cell that was clicked, with the way to it on Explore."""
    pin = _pinned(len(numbers))
    if pin is None:
        return
    row, col = pin
    said, read = (visible(me.shown.tokens[at]) for at in (row, col))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        value = f"**{numbers[row, col]:.4g}**"
        st.markdown(f"{escaped(f'{said} ({row}) reads {read} ({col})')}: {value}", width="content")
        if st.button("Show on Explore", key="lab attention explore"):
            go(me, f"position {row}", place)


def _picture(me: Explorer, kind: str, layer: int, head: int | None) -> tuple[Tensor, str, str, str]:
    """Return the matrix, its title, its convention and its code."""
    run, told = me.shown.unchanged, opened(me)
    if kind == "rollout":
        return (
            rollout(run, layer)[0],
            f"Attention rolled out over {layer} layer{'' if layer == 1 else 's'}",
            "The product over layers, the last on the left, of half the mean of the heads' patterns and half the "
            "identity; rows add up to 1. Values and MLPs do not count. In a causal model it is biased to early tokens, "
            "which all later positions can read in every layer.",
            part_code.rollout(told, layer),
        )
    if head is not None:
        return (
            value_weighted(run, layer)[0, head],
            f"Attention of head {layer}.{head}, weighted by what is read",
            "A[q, k] times the length of (v_k with its bias) W_O of this head: a token that is looked at but whose "
            f"value is short counts little. {RAW}",
            part_code.value_weighted(told, layer, head),
        )
    return (
        value_weighted_layer(run, layer)[0],
        f"Attention of layer {layer}, all heads together, weighted by what is read",
        f"The length of the sum over heads of A[q, k] v_k W_O: heads may cancel each other. {RAW}",
        part_code.value_weighted(told, layer, None),
    )
