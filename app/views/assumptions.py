"""The choices that the model's file leaves open: the value that is used, the others, and how each fits the prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st
from torch import Tensor

from app.session import costs
from app.state import opening, person, server
from app.stores.limits import TooMuch
from gptcore import Checkpoint, capture
from gptcore.analysis.token_loss import of_trace
from gptcore.checkpoint.assumptions import Assumption, assuming, reason

WHY = (
    "The file does not tell everything that its numbers depend on. The right choice usually has the lower loss on a "
    "text of the kind that the model was trained on: type one on the page Explore and come back."
)


def assumptions() -> None:
    """Draw the section; nothing where the file has told everything."""
    me = person.explorer()
    known: list[Assumption] = me.final.info.get("assumptions", [])
    if not known:
        return
    st.markdown("##### What the file leaves open")
    st.caption(WHY)
    for assumed in known:
        st.text(f"• {reason(assumed)}")
        if assumed["others"]:
            _choice(assumed)


def _choice(assumed: Assumption) -> None:
    """Draw the loss of the prompt under each value, and a button for each other one."""
    field, others = assumed["field"], assumed["others"][:2]
    losses = _losses(field, others)
    if losses:
        st.table({"on this prompt": {f"{value}": f"loss {loss:.4f} nats" for value, loss in losses.items()}})
    for value in others:
        if st.button(f"Try {field} = {value}", key=f"try {field} {value}"):
            wanted = person.loaded()
            choices = {**dict(wanted.choices), field: value}
            opening.open_model(replace(wanted, choices=tuple(choices.items())), lambda share, what: None)
            st.rerun()


def _losses(field: str, others: list[Any]) -> dict[Any, float]:
    """Return the mean loss of the next tokens under each value; {} for a prompt of one token, or of too many."""
    me = person.explorer()
    ids = me.shown.trace.ids
    if ids.size(1) < 2:
        return {}
    tried: dict[Any, Checkpoint] = {getattr(me.final.config, field): me.final}
    tried |= {value: assuming(me.final, **{field: value}) for value in others}
    try:
        me.limits.check(costs.of_pass(me.arch.config, ids.size(1), len(tried), logits=True), "The losses")
    except TooMuch:
        return {}
    with server.turn(me.parameters * ids.size(1) * len(tried)):
        return {value: _mean_loss(ckpt, ids) for value, ckpt in tried.items()}


def _mean_loss(ckpt: Checkpoint, ids: Tensor) -> float:
    """Return the mean loss of each next token of a prompt, (1, T)."""
    return of_trace(capture(ckpt.model, ids)).mean
