"""The lens over all positions: what the model would say at each depth, as a table."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import components
from app.panels import part_code
from app.panels.lens_cells import COLOURS, cells
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import lab, reports
from app.state.origin import origin
from app.views.lab.fitting import allowed
from app.views.lab.what_parts_say.choices import places, segments
from app.views.lab.what_parts_say.picture import go, heading, opened
from app.views.lab.what_parts_say.waiting import result_of
from gptcore import Trace
from gptcore.analysis import JacobianLens, LensTable, jacobian_lens, lens_table, own_text
from gptcore.analysis.lens import lens_names
from gptcore.analysis.patching import Progress

TABLE: Final = "lab lens table"
LENSES: Final = {"logit": "Logit lens", "jacobian": "J-lens"}
MOST_PARAMETERS: Final = 20_000_000
"""Parameters of a model for which the J-lens is offered: it takes a backward pass for each channel."""
CONVENTIONS: Final = {
    "logit": "The residual stream at each depth, through the final norm with the state's own statistics, then W_U: as "
    "if the blocks above did nothing. The last row is the output. Weights are raw. Click a cell to keep it beside.",
    "jacobian": "The residual stream at each depth, carried to the end by the average Jacobian of the final stream "
    "(Gurnee et al. 2026: summed over later positions, averaged over positions and texts), then the final norm with "
    "its own statistics, and W_U. Weights are raw. Click a cell to keep it beside.",
}


def lens(me: Explorer, row: DeltaGenerator) -> None:
    """Draw the picture, with its choices in a row that has begun."""
    event = reports.new(TABLE)
    names = lens_names(me.arch.config)
    if event and type(event.get("row")) is int and 0 <= event["row"] < len(names):
        go(me, f"position {event.get('position')}", f"node {names[event['row']]}")
    if event and event.get("colour") in COLOURS:
        lab.choose("colour", event["colour"], next(iter(COLOURS)))
    match event:
        case {"cell": [int(depth), int(position)]}:
            lab.choose("cell", f"{depth}.{position}.{me.position}.{me.shown.unchanged.T}")
    colour = told if (told := lab.get("colour")) in COLOURS else next(iter(COLOURS))
    with row:
        kind = segments("lens", LENSES, "Lens", shown=False)
    heading(
        f"{LENSES[kind]}: what the model would say at each depth, after each token",
        CONVENTIONS[kind],
        part_code.lens(opened(me), kind == "jacobian"),
        "lens",
    )
    carried = None
    if kind == "jacobian":
        carried = _jacobian(me)
        if carried is None:
            return
    run, model = me.shown.unchanged, me.checkpoint.model
    key = ("lens table", weakref.ref(model), tuple(run.ids[0].tolist()), carried and carried.sequences)
    piece = 8.0 * len(names) * me.arch.config.n_embd * me.arch.config.vocab_size
    work = partial(_table, run, carried)
    cost = lab_costs.of_lens_table(me.arch.config, run.T)
    may = allowed(me, cost, f"The lens of {run.T:,} tokens")
    table, complete = result_of(key, work, piece, "the table", memory=cost.memory, allowed=may)
    if table is None:
        return
    if not complete:
        st.caption("Positions that were not read are empty.")
    label = me.shown.checkpoint.tokenizer.label
    components.lens_table(
        key=TABLE,
        text=me.shown.text,
        origin=origin(),
        tokens=me.shown.tokens,
        position=me.position,
        colour=colour,
        chosen=_chosen(me, len(names)),
        **cells(table, label, me.arch.config),
    )


def _chosen(me: Explorer, depths: int) -> tuple[int, int] | None:
    """Return the cell that was chosen, by its row and position; None for one of another prompt or position."""
    match places("cell", 4):
        case (row, position, followed, count) if (followed, count) == (me.position, me.shown.unchanged.T):
            return (row, position) if row < depths and position < count else None
    return None


def _table(run: Trace, carried: JacobianLens | None, progress: Progress) -> LensTable:
    return lens_table(run, carried, progress=progress)


def _jacobian(me: Explorer) -> JacobianLens | None:
    """Return the J-lens of the weights on the screen, once it is there."""
    model = me.checkpoint.model
    if me.parameters > MOST_PARAMETERS:
        most, channels = MOST_PARAMETERS // 10**6, me.arch.config.n_embd
        st.info(
            f"The J-lens takes a backward pass for each of the {channels:,} channels: this page offers it for models "
            f"of up to {most} million parameters. This one has {me.parameters:,}.",
            icon=":material/info:",
        )
        return None

    def work(progress: Progress) -> JacobianLens:
        return jacobian_lens(model, own_text(model), progress=progress)

    ask = "The J-lens of a model is measured once, over text that the model writes itself; then it serves every prompt."
    key, cost = ("jacobian lens", weakref.ref(model)), lab_costs.of_jacobian_lens(me.arch.config)
    may = allowed(me, cost, "The J-lens")
    piece = me.parameters * 256.0
    found, _ = result_of(key, work, piece, "the J-lens", memory=cost.memory, allowed=may, ask=ask)
    if not isinstance(found, JacobianLens) or not found.sequences:
        return None
    about = f"{found.sequences} sequences that the model has written, without the first {found.skip} positions of each"
    st.caption(f"The average is over {about}.")
    return found
