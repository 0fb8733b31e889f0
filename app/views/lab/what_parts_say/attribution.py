"""The picture Who makes the logit: what blocks, heads or neurons add to a logit, or to its lead over another one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import components
from app.components import BarRow, number
from app.panels import part_code
from app.panels.logit_parts import BY, Bar, bars
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import reports, server
from app.state.origin import origin
from app.views.lab.fitting import fits
from app.views.lab.what_parts_say.choices import segments
from app.views.lab.what_parts_say.picture import RAW, after, go, heading, opened, word
from app.views.lab.what_parts_say.tokens import NONE, token_select
from gptcore import logit_attribution

PLOT = "lab bars"


def attribution(me: Explorer, row: DeltaGenerator) -> None:
    """Draw the picture, with its choices in a row that has begun."""
    event = reports.new(PLOT)
    if event:
        go(me, event.get("point"))
    likely = me.shown.likely_unchanged(me.position, 2)
    with row:
        token = token_select(me, "the logit of token", "token", likely[0])
        versus = token_select(me, "against token", "versus", likely[-1] if len(likely) > 1 else NONE, "no other token")
        by = segments("by", BY, "Parts", shown=False)
    other = None if versus in (NONE, token) else versus
    run = me.shown.unchanged
    if not fits(me, lab_costs.of_attribution(me.arch.config), "The parts of a logit"):
        return
    with server.turn(me.parameters):
        found = logit_attribution(run, token, other, me.position)
        each = bars(found, run, me.arch, by)
    lead = "" if other is None else f" over {word(me, other)}"
    what = f"the logit of {word(me, token)}" if other is None else f"the lead of {word(me, token)}{lead}"
    heading(
        f"What each part adds to {what}, {after(me)}",
        f"Direct attribution: the final norm's scale is that of the actual state, one number for all parts. {RAW} The "
        "bias of the values counts within its head. What a part does to later parts is not in its bar.",
        part_code.attribution(opened(me), by, token, other, me.position),
        "bars",
    )
    total = sum(bar.value for bar in each)
    captured = "logit" if other is None else "difference of the two logits"
    st.markdown(
        f"The bars add up to **{total:+.4f}**; the run's own {captured} is **{found.total:+.4f}** "
        f"(they differ by {abs(total - found.total):.1e}: rounding). {_most(each)} Click a bar to see its part on "
        "Explore.",
    )
    rows: list[BarRow] = [{"label": bar.label, "value": number(bar.value), "place": bar.place} for bar in each]
    rows.append({"label": "all together", "value": number(total), "place": "", "total": True})
    components.bars(rows, key=PLOT, origin=origin(), label=f"What each part adds to {what}", unit="logits")


def _most(each: Sequence[Bar]) -> str:
    """Tell the largest bar on either side in words."""
    most, least = max(each, key=lambda bar: bar.value), min(each, key=lambda bar: bar.value)
    said = f"Most for it: {most.label}." if most.value > 0 else ""
    return f"{said} Most against it: {least.label}." if least.value < 0 else said
