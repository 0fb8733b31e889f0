"""The neurons of the MLPs: the most active ones or those of a token, what each promotes, and where it fires."""

from __future__ import annotations

from typing import Final

import numpy as np
from streamlit.delta_generator import DeltaGenerator

from app import components
from app.components import BarRow, number
from app.panels import part_code
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import lab, reports, server
from app.state.origin import origin
from app.views.lab.fitting import fits
from app.views.lab.what_parts_say.choices import segments
from app.views.lab.what_parts_say.picture import RAW, after, go, heading, opened, word
from app.views.lab.what_parts_say.tokens import NONE, token_select
from gptcore.analysis import Neuron, most_active, promoted, search_neurons, suppressed

TABLE: Final = "lab neuron list"
MARKS: Final = "lab neuron tokens"
COUNT: Final = 10
TOLD: Final = 5
"""Tokens that a neuron promotes or suppresses, in the table."""
PROMOTES: Final = "What a neuron adds to a logit for an activation of 1 is its row of W_out @ W_U, without any norm."
WAYS: Final = {"active": "most active here", "promote": "promote a token", "suppress": "suppress a token"}


def neurons(me: Explorer, row: DeltaGenerator) -> None:
    """Draw the picture, with its choices in a row that has begun."""
    event, picked = reports.new(MARKS), reports.new(TABLE)
    with row:
        way = segments("neurons", WAYS, "Neurons that", shown=False)
        token = NONE
        if way != "active":
            token = token_select(me, "the token", "neuron_token", me.shown.likely_unchanged(me.position, 1)[0])
    model, run = me.checkpoint.model, me.shown.unchanged
    if not fits(me, lab_costs.of_neurons(me.arch.config, COUNT), "The neurons, and what each promotes,"):
        return
    with server.turn(me.parameters):
        if way == "active":
            found = most_active(run, me.position, COUNT)
        else:
            found = search_neurons(model, token, COUNT, suppress=way == "suppress")
        rows = [_row(me, neuron) for neuron in found]
    if way == "active":
        title, code = f"The most active neurons, {after(me)}", part_code.active(opened(me), me.position, COUNT)
        convention, unit = f"Activations after the GELU. {PROMOTES} {RAW}", "activation"
    else:
        title = f"The neurons that {way} {word(me, token)} most, among all of the model"
        code = part_code.search(opened(me), token, COUNT, way == "suppress")
        convention, unit = f"{PROMOTES} {RAW}", "adds to the logit, for an activation of 1"
    heading(title, convention, code, "neurons")
    places = [row["place"] for row in rows]
    if picked and picked.get("point") in places:
        lab.choose("neuron", str(picked["point"]), places[0])
    chosen = told if (told := lab.get("neuron")) in places else places[0]
    components.bars(
        rows, key=TABLE, origin=origin(), label=title, unit=unit, columns=("promotes", "suppresses"), chosen=chosen
    )
    neuron = found[places.index(chosen)]
    if event:
        go(me, f"position {event.get('position')}", f"neuron {neuron.layer} {neuron.index}")
    _fires(me, neuron)


def _row(me: Explorer, neuron: Neuron) -> BarRow:
    model = me.checkpoint.model
    told = [each(model, neuron.layer, neuron.index, TOLD) for each in (promoted, suppressed)]
    return {
        "label": f"{neuron.layer}.{neuron.index}",
        "value": number(neuron.value),
        "place": f"neuron {neuron.layer} {neuron.index}",
        "words": [[me.shown.checkpoint.tokenizer.label(token) for token in tokens.ids] for tokens in told],
    }


def _fires(me: Explorer, neuron: Neuron) -> None:
    """Draw where on this prompt a neuron fires."""
    name = me.arch.named("mlp hidden", neuron.layer)
    with server.turn():
        values = me.shown.unchanged[name][0, :, neuron.index].float().cpu().numpy()
    heading(
        f"Where neuron {neuron.layer}.{neuron.index} fires on this prompt",
        "Its activation after the GELU at each token. Click another neuron above; click a token to see the number on "
        "Explore.",
        part_code.fires(opened(me), name, neuron.index),
        "fires",
    )
    components.token_marks(
        key=MARKS,
        text=me.shown.text,
        origin=origin(),
        tokens=me.shown.tokens,
        values=np.ascontiguousarray(values, np.float32),
        what=f"activation, from {values.min():.3g} to {values.max():.3g}".replace("-", "−"),
        position=me.position,
    )
