"""The card of one head, beside the picture of all."""

from __future__ import annotations

import streamlit as st

from app import components
from app.components.head_ranking import SaidToken
from app.panels import head_axes, head_card_lines, head_code, head_ranking
from app.session import events, lab_costs
from app.session.explorer import Explorer
from app.session.map_actions import PickHead
from app.state import heads as state
from app.state import reports, server
from app.stores.speed import Cost
from app.views import change_form, changes
from app.views.explore import explore
from app.views.lab.fitting import fits
from app.views.lab.heads import choices, finder, measuring
from app.views.lab.heads.code import told
from app.views.lab.heads.switching import apply, off, switch
from app.views.lab.heads.waiting import progress, waiting
from gptcore import analysis

KEY = "lab head card"
COUNT = 5
"""Edges, tokens and heads of a list."""


def hear(me: Explorer) -> None:
    """Do what was clicked in the card."""
    event = reports.new(KEY)
    match event:
        case {"kind": "change_form", "report": {"kind": "close"}}:
            state.open_form(0)
        case {"kind": "change_form" | "changes" as panel, "report": report}:
            for action in events.actions(panel, report, me):
                apply(me, action)
        case {"kind": "head" | "explore" | "off" | "form" as kind, "layer": int(layer), "head": int(head), "seq": seq}:
            found = choices.place(f"{layer}.{head}", me)
            if found is None:
                return
            choices.choose_head(*found)
            if kind == "off":
                switch(me, *found)
            elif kind == "form":
                state.open_form(0 if state.form() else seq)
            elif kind == "explore":
                me.apply(PickHead(*found))
                st.switch_page(st.Page(explore, default=True))
        case {"kind": "measure"}:
            state.ask("losses")


def card(me: Explorer, layer: int, head: int) -> None:
    """Draw the card."""
    if "facts" in finder.needed() and measuring.result(me, "facts") is None:  # it is told beside how far that is
        st.caption(f"The card of head {layer}.{head} follows when the heads are measured.")
        return
    follows = st.empty()
    if measuring.result(me, "facts") is None:
        follows.caption(
            f"The card of head {layer}.{head} follows here: its kinds of attention, where it looks, what it reads and "
            "writes. For that, once for each model, all heads are measured on random tokens and by their weights."
        )
    if not waiting(me, "facts"):
        return
    follows.empty()
    losses, asked = _losses(me)
    config, T = me.arch.config, me.shown.unchanged.T
    drawn = Cost() if me.shown.without is None else lab_costs.of_pictures(config, T)
    if not fits(me, lab_costs.of_card(config, T) + drawn, f"The card of a head, on {T:,} tokens"):
        return
    made = _made(me, layer, head, losses)
    shown = me.shown
    pictures = shown.thumbnails if shown.without is None else measuring.pictures(shown.unchanged)
    ids = [int(index) for index in shown.unchanged.ids[0]]
    label, lost = me.checkpoint.tokenizer.label, measuring.result(me, "missed")
    run, form = shown.unchanged, state.form()
    missed = None if lost is None else head_ranking.missed(lost, run, me.position, layer, head, label)
    components.head_card(
        key=KEY,
        pixels=pictures.pixels()[layer, head],
        off=(layer, head) in off(me),
        said=_said(me),
        changes=changes.line(me, reports.seq(KEY), gone=False),
        change_form=change_form.form_of_head(me, layer, head, form) if form else None,
        **head_card_lines.lines(made, config, shown.tokens, ids, label, missed, *_text_of(me), asked),
    )
    known = measuring.known(me, "losses")
    if known is not None and not known.finished and head_axes.needs("loss", "") not in finder.needed():
        progress(me, "losses")
    with st.container(horizontal=True, vertical_alignment="center", key="lab card code"):
        _text(me)
        components.copy_code(head_code.card(layer, head, told(me), losses is not None), key="lab card code button")


def _said(me: Explorer) -> list[SaidToken]:
    """Return what the changes make of the likeliest token, and of the one that is the likeliest then."""
    if me.shown.without is None:
        return []
    label = me.checkpoint.tokenizer.label
    first, *others = head_ranking.said(me.shown.unchanged, me.shown.trace, me.position, label)
    now = max((first, *others), key=lambda each: each["after"] if isinstance(each["after"], float) else -1.0)
    return [first] if now is first else [first, now]


def _losses(me: Explorer) -> tuple[analysis.HeadLosses | None, str]:
    """Return the losses without each head, as far as they are measured, and the words of a button for the rest."""
    wanted = state.take("losses")
    known = measuring.found(me, "losses", asked=wanted)
    if known is None:
        return None, "Measure the loss without each head"
    if not known.finished:
        return None, ""
    if known.trouble:
        st.caption(f"The loss without each head is not measured: {known.trouble}")
        return None, "Try again"
    return known.result, "Measure again" if known.stopped else ""


def _text_of(me: Explorer) -> tuple[str, str]:
    """Return the name of the text of the losses, and how they are measured."""
    about = measuring.text_of(me).about
    pasted = "the pasted text" if about.endswith("pasted") else "a held-out text"
    title = "this whole prompt" if measuring.ITSELF in about else pasted
    return title, f"Per token, of {about}."


def _made(me: Explorer, layer: int, head: int, losses: analysis.HeadLosses | None) -> analysis.HeadCard:
    """Return the card, kept for this person until another one is asked for."""
    measured = measuring.work(me, "facts").key, None if losses is None else measuring.work(me, "losses").key
    key = (*measured, tuple(me.shown.unchanged.ids[0].tolist()), me.position, layer, head)
    kept: analysis.HeadCard | None = state.kept(key)
    if kept is not None:
        return kept
    with server.turn(float(me.parameters)):
        made = analysis.head_card(
            me.checkpoint.model,
            layer,
            head,
            me.shown.unchanged,
            count=COUNT,
            position=me.position,
            facts=measuring.result(me, "facts"),
            losses=losses,
        )
    state.keep(key, made)
    return made


def _text(me: Explorer) -> None:
    """Draw the way to another text for the losses."""
    with st.popover("Held-out text …"):
        st.caption(
            "The loss without a head is measured on a text that the model has not seen. "
            "Paste one; leave it empty for the text that comes with the model, or else the prompt itself."
        )
        pasted = st.text_area("Text", key=state.TEXT, max_chars=state.MOST_TEXT, height=160, persist_state="session")
        if pasted and not measuring.text_of(me).about.endswith("pasted"):
            st.error("This model cannot read that text, or it has fewer than two tokens. The other text is used.")
