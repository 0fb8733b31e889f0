"""The heads behind the prediction, ranked by its loss without each; switches show what the model says then."""

from __future__ import annotations

import streamlit as st
from torch import Tensor

from app import components
from app.panels import head_code, head_ranking
from app.panels.token_words import repeated
from app.session import comparison, lab_costs
from app.session.change_actions import SetChanges
from app.session.changes import words
from app.session.explorer import Explorer
from app.session.map_actions import PickHead
from app.state import heads as state
from app.state import names, reports
from app.state.origin import origin
from app.views.explore import explore
from app.views.lab.fitting import fits
from app.views.lab.heads import choices, measuring
from app.views.lab.heads.code import told
from app.views.lab.heads.switching import apply, off, switch
from app.views.lab.heads.waiting import waiting

KEY = "lab heads ranking"
HOW = (
    "Below, each head is switched off once, alone: the first one is missed most. Switch one off, and see here what the "
    "model says without it."
)


def hear(me: Explorer) -> None:
    """Do what was clicked in the list."""
    match reports.new(KEY):
        case {"kind": "head" | "off" | "form" as kind, "layer": int(layer), "head": int(head), "seq": seq}:
            found = choices.place(f"{layer}.{head}", me)
            if found:
                choices.choose_head(*found)
            if found and kind == "off":
                switch(me, *found)
            if found and kind == "form":
                state.open_form(seq)
        case {"kind": "back"}:
            apply(me, SetChanges(()))
        case {"kind": "explore"}:
            me.apply(PickHead(*choices.chosen_head(me, first(me))))
            st.switch_page(st.Page(explore, default=True))


def first(me: Explorer) -> tuple[int, int] | None:
    """Return the head that the prediction would miss most; None until that is measured."""
    lost: Tensor | None = measuring.result(me, "missed")
    return None if lost is None else head_ranking.order(lost)[0]


def ranking(me: Explorer) -> None:
    """Draw the list."""
    if not waiting(me, "missed"):
        return
    config, run, label = me.arch.config, me.shown.unchanged, me.checkpoint.tokenizer.label
    if not fits(me, lab_costs.of_pictures(config, run.T), f"The attention of all heads, on {run.T:,} tokens,"):
        return
    heads = head_ranking.ranked(measuring.result(me, "missed"), run, me.position, me.shown.tokens, off(me))
    components.head_ranking(
        key=KEY,
        text=me.shown.text,
        origin=origin(),
        token=label(measuring.likely(run, me.position)),
        after=me.shown.tokens[me.position],
        again=me.shown.tokens[me.position] in repeated(me.shown.tokens),
        position=me.position,
        said=head_ranking.said(run, me.shown.trace if me.shown.without else None, me.position, label),
        changes=", ".join(words(wish, me.arch) for wish in me.shown.here),
        told=_told(me),
        heads=heads,
        left_out=config.n_layer * config.n_head - len(heads),
        selected=choices.chosen_head(me, first(me)),
    )
    components.copy_code(head_code.ranking(told(me)), key="lab ranking code")


def _told(me: Explorer) -> str:
    """Return what the changes do, or how the list came about."""
    notice = names.of_notice(me.message)
    if notice is not None and notice["kind"] == "error":  # such as a change that costs too much
        return notice["text"]
    if me.shown.without is None:
        return HOW
    changes = [words(wish, me.arch) for wish in me.shown.here]
    effect = comparison.effect(me.shown, me.position)
    on = ", ".join(changes) if len(changes) <= 3 else f"{len(changes)} changes"
    said = f"Pale: the model as it is. Full: with {on}."
    return f"{said} {effect.sentence[:1].upper()}{effect.sentence[1:]}." if effect else said
