"""The neurons of the MLPs: the most active ones or those of a token, what each promotes, and where it fires."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import streamlit as st

from app import components
from app.panels import part_code
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import reports, server
from app.state.origin import origin
from app.views.lab.fitting import fits
from app.views.lab.parts.choices import segments
from app.views.lab.parts.picture import RAW, after, go, heading, opened, word
from app.views.lab.parts.tokens import NONE, token_select
from gptcore.analysis import Neuron, Tokens, most_active, promoted, search_neurons, suppressed

TABLE: Final = "lab neurons"
MARKS: Final = "lab neuron tokens"
COUNT: Final = 10
TOLD: Final = 5
"""Tokens that a neuron promotes or suppresses, in the table."""
PROMOTES: Final = "What a neuron adds to a logit for an activation of 1 is its row of W_out @ W_U, without any norm."
WAYS: Final = {"active": "are most active here", "promote": "promote a token", "suppress": "suppress a token"}


def neurons(me: Explorer) -> None:
    """Draw the picture."""
    event = reports.new(MARKS)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        way = segments("neurons", WAYS, "Neurons that")
        token = NONE
        if way != "active":
            token = token_select(me, "Token", "neuron_token", me.shown.likely(me.position, 1)[0])
    model, run = me.checkpoint.model, me.shown.unchanged
    if not fits(me, lab_costs.of_neurons(me.arch.config, COUNT), "The neurons, and what each promotes,"):
        return
    with server.turn(me.parameters):
        if way == "active":
            found = most_active(run, me.position, COUNT)
        else:
            found = search_neurons(model, token, COUNT, suppress=way == "suppress")
        rows = [_row(me, neuron, way) for neuron in found]
    if way == "active":
        title, code = f"The most active neurons, {after(me)}", part_code.active(opened(me), me.position, COUNT)
        convention = f"Activations after the GELU. {PROMOTES} {RAW}"
    else:
        title = f"The neurons that {way} {word(me, token)} most, among all of the model"
        code = part_code.search(opened(me), token, COUNT, way == "suppress")
        convention = f"{PROMOTES} {RAW}"
    heading(title, convention, code)
    chosen = st.dataframe(
        rows,
        key=f"{TABLE} {way} {token}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height="content",
        column_config={"activation": st.column_config.NumberColumn(format="%.4f"),
                       "adds to the logit": st.column_config.NumberColumn(format="%.4f")},
    )  # fmt: skip
    picked = chosen["selection"]["rows"]
    neuron = found[picked[0] if picked and picked[0] < len(found) else 0]
    if event:
        go(me, f"position {event.get('position')}", f"neuron {neuron.layer} {neuron.index}")
    _fires(me, neuron)


def _row(me: Explorer, neuron: Neuron, way: str) -> dict[str, Any]:
    model, number = me.checkpoint.model, "activation" if way == "active" else "adds to the logit"
    return {
        "neuron": f"{neuron.layer}.{neuron.index}",
        number: neuron.value,
        "promotes": _words(me, promoted(model, neuron.layer, neuron.index, TOLD)),
        "suppresses": _words(me, suppressed(model, neuron.layer, neuron.index, TOLD)),
    }


def _words(me: Explorer, tokens: Tokens) -> str:
    return "   ".join(word(me, token) for token in tokens.ids)


def _fires(me: Explorer, neuron: Neuron) -> None:
    """Draw where on this prompt a neuron fires."""
    name = me.arch.named("mlp hidden", neuron.layer)
    with server.turn():
        values = me.shown.unchanged[name][0, :, neuron.index].float().cpu().numpy()
    heading(
        f"Where neuron {neuron.layer}.{neuron.index} fires on this prompt",
        "Its activation after the GELU at each token. Choose another neuron in the table; click a token to see the "
        "number on Explore.",
        part_code.fires(opened(me), name, neuron.index),
    )
    components.token_marks(
        key=MARKS,
        text=me.shown.text,
        origin=origin(),
        tokens=me.shown.tokens,
        values=np.ascontiguousarray(values, np.float32),
        what=f"activation, from {values.min():.3g} to {values.max():.3g}",
        position=me.position,
    )
