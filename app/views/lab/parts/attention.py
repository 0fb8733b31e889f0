"""Attention, summed up over layers or weighted by what is read."""

from __future__ import annotations

from typing import Final

import streamlit as st
from torch import Tensor

from app import components
from app.panels import part_code, part_figures
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import reports, server
from app.views.lab.fitting import fits
from app.views.lab.parts.choices import number, segments
from app.views.lab.parts.picture import RAW, go, heading, opened
from gptcore.analysis import rollout, value_weighted, value_weighted_layer

PLOT: Final = "lab attention map"
KINDS: Final = {"rollout": "rollout", "head": "value-weighted, a head", "layer": "value-weighted, a layer"}


def attention(me: Explorer) -> None:
    """Draw the picture."""
    config, run = me.arch.config, me.shown.unchanged
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = segments("attention", KINDS, "Attention", shown=False)
        if kind == "rollout":
            layer = number("layers", range(1, config.n_layer + 1), "Layers", config.n_layer)
        else:
            layer = number("of_layer", range(config.n_layer), "Layer", me.location.layer)
        head = number("of_head", range(config.n_head), "Head", me.location.head) if kind == "head" else None
    event = reports.new(PLOT)
    if event:
        node = me.arch.named("attention", layer - 1 if kind == "rollout" else layer)
        go(me, _query(event.get("point")), f"node {node}" if head is None else f"head {layer} {head}")
    if not fits(me, lab_costs.of_attention(config, run.T, kind, layer), f"Attention over {run.T:,} tokens, summed up,"):
        return
    with server.turn(me.parameters):
        matrix, title, convention, code = _picture(me, kind, layer, head)
    heading(title, convention, code)
    first = max(0, min(me.position + 1 - part_figures.MOST_TOKENS // 2, run.T - part_figures.MOST_TOKENS))
    shown = slice(first, first + part_figures.MOST_TOKENS)
    if run.T > part_figures.MOST_TOKENS:
        st.caption(f"Shown are the positions {first} to {shown.stop - 1} of {run.T}, around the one that is followed.")
    numbers = matrix[shown, shown].float().cpu().numpy()
    scale = "share" if kind == "rollout" else "length of what is added"
    figure = part_figures.attention(numbers, me.shown.tokens[shown], first, scale, dark=reports.dark())
    components.plot(figure, key=PLOT, points=True)


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


def _query(place: object) -> str:
    """Return the position of a cell's query as a place on Explore."""
    match place.split(" ") if isinstance(place, str) else []:
        case ["cell", query, _]:
            return f"position {query}"
    return ""
