"""Patches between two prompts that stay as changes of the run on Explore."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.panels import patches
from app.panels.patches import SIDES, Patch
from app.session.actions import Write
from app.session.change_actions import SetChanges
from app.session.changes import Change, Other
from app.session.explorer import Explorer
from app.state import lab, names, reports, server
from app.views.explore import explore
from gptcore.config import GPTConfig

TROUBLE = "lab keeping trouble"


def keep_on_explore(me: Explorer, side: str, now: tuple[Patch, ...], other: str) -> None:
    """Add the patches of one prompt to the changes of the run, and show them on Explore.

    Explore shows this prompt. Patches of the other one bring that prompt there: both are exchanged.

    Args:
        me: the explorer.
        side: the prompt whose patches stay, one of `SIDES`.
        now: all patches.
        other: the text of the other prompt.
    """
    this = me.shown.text
    found = [patch for patch in now if patch.into == side]
    if side not in SIDES or not found:
        return
    if side == "other":
        _apply(me, Write(other))
        if me.shown.text != other:
            _tell(me)
            return
        lab.choose("other", this)
        lab.choose("patches", patches.to_text([_exchanged(patch) for patch in now]))
    text = this if side == "other" else other
    new = [Change(change(patch, me.arch.config, text)) for patch in found]
    keys = {each.key for each in new}
    wanted = (*(each for each in me.changes if each.key not in keys), *new)
    _apply(me, SetChanges(wanted))
    if me.changes != wanted:
        _tell(me)
        return
    st.switch_page(st.Page(explore, default=True))


def change(patch: Patch, config: GPTConfig, text: str) -> Other:
    """Return a patch as a change of the run.

    Args:
        patch: the patch.
        config: the model's sizes.
        text: the prompt that it takes its value from.
    """
    name, source = (patch.name(config, layer) for layer in (patch.layer, patch.from_layer))
    if patch.by_head:
        return Other(name, "patch", text, head=patch.place)
    if (name, patch.place) == (source, patch.from_place):
        return Other(name, "patch", text, position=patch.place)
    return Other(name, "patch", text, position=patch.place, of="" if source == name else source, at=patch.from_place)


def draw_trouble() -> None:
    """Tell why nothing was kept."""
    if trouble := reports.taken(TROUBLE):
        st.warning("This cannot stay on Explore.", icon=":material/warning:")
        st.text(trouble)


def _exchanged(patch: Patch) -> Patch:
    return replace(patch, into=patch.source)


def _apply(me: Explorer, action: Write | SetChanges) -> None:
    with server.turn(me.work([action])):
        me.apply(action)


def _tell(me: Explorer) -> None:
    notice = names.of_notice(me.message)
    reports.set_widget(TROUBLE, notice["text"] if notice else "the model cannot be run so")
