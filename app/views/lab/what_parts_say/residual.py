"""The residual stream by depth: how long it is, and how far each block turns it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import components
from app.panels import part_code, part_figures
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import reports, server
from app.views.lab.fitting import fits
from app.views.lab.what_parts_say.picture import RAW, after, go, heading, opened
from gptcore.analysis import residual_norms

NORMS, COSINES = "lab norms", "lab cosines"


def residual(me: Explorer, _: DeltaGenerator) -> None:
    """Draw the pictures."""
    for key in (NORMS, COSINES):
        event = reports.new(key)
        if event:
            go(me, event.get("point"))
    T = me.shown.unchanged.T
    if not fits(me, lab_costs.of_residual(me.arch.config, T), f"The residual stream of {T:,} tokens"):
        return
    with server.turn():
        found = residual_norms(me.shown.unchanged)
    depths = ["emb", *(str(layer) for layer in range(me.arch.config.n_layer))]
    at, norms = me.position, found.norms[:, 0]  # (rows, T)
    heading(
        f"Length of the residual stream and its turns, {after(me)}",
        f"Euclidean lengths and cosines of the states, before any norm. {RAW} Click a point to see its state.",
        part_code.residual(opened(me)),
        "residual",
    )
    left, right = st.columns(2, gap="medium")
    lines = {"mean of all positions": norms.mean(-1).tolist(), "this position": norms[:, at].tolist()}
    with left:
        figure = part_figures.depths(found.names, depths, lines, "length", dark=reports.dark())
        components.plot(figure, key=NORMS, bar=False, points=True, label="Lengths")
    turns = found.cosines[:, 0, at].tolist()
    lines = {"with the depth before": [None, *turns], "with the last depth": found.to_last[:, 0, at].tolist()}
    with right:
        figure = part_figures.depths(found.names, depths, lines, "cosine", dark=reports.dark())
        components.plot(figure, key=COSINES, bar=False, points=True, label="Cosines")
