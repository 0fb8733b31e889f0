"""Things that the pictures have in common: title and convention, the code, the way to a place on Explore."""

from __future__ import annotations

from typing import Final

import streamlit as st

from app import components
from app.panels.part_code import Opened
from app.panels.token_words import visible
from app.session.actions import Action, Lock
from app.session.explorer import Explorer
from app.session.map_actions import Find, PickHead, Walk
from app.state import person, server
from app.views.explore import explore
from app.views.markdown import escaped
from gptcore import shipped_models

RAW: Final = "Weights are raw, nothing is folded into them."


def heading(title: str, convention: str, code: str, key: str) -> None:
    """Draw what a picture is, by which convention, and the button with the code that makes it again."""
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.markdown(f"**{escaped(title)}**")
    with right:
        components.copy_code(code, key=f"lab code {key}")
    st.caption(escaped(convention))


def opened(me: Explorer) -> Opened:
    """Return the things on the screen that code begins with."""
    wanted = person.loaded()
    named = not wanted.digest and not wanted.options() and (not server.shared() or me.source in shipped_models())
    return Opened(me.source if named else "", me.step, me.shown.unchanged.ids[0].tolist())


def word(me: Explorer, token: int) -> str:
    """Return a token of the vocabulary as it is told."""
    return visible(me.shown.checkpoint.tokenizer.label(token))


def after(me: Explorer) -> str:
    """Return the words for the position that is looked at."""
    return f"after {visible(me.shown.tokens[me.position])} (position {me.position})"


def actions_of(place: object, me: Explorer) -> tuple[Action, ...]:
    """Return the way to a place that a picture names; () for one that there is not.

    A place is "node NAME", "head LAYER HEAD", "neuron LAYER INDEX" or "position AT", from a report of the browser.
    """
    match place.split(" ") if isinstance(place, str) else []:
        case ["node", name] if name in me.arch.nodes.names():
            return (Find(name),)
        case ["head", layer, head] if layer.isdecimal() and head.isdecimal():
            return (PickHead(int(layer), int(head)),)
        case ["neuron", layer, index] if layer.isdecimal() and index.isdecimal():
            if int(layer) < me.arch.config.n_layer:
                return (Walk(me.arch.named("mlp hidden", int(layer)), (0, me.position, int(index))),)
        case ["position", at] if at.isdecimal():
            return (Lock(me.shown.cropped + int(at)),)
    return ()


def go(me: Explorer, *places: object) -> None:
    """Lead to places on Explore, one after the other."""
    led = False
    for place in places:
        for action in actions_of(place, me):
            me.apply(action)
            led = True
    if led:
        st.switch_page(st.Page(explore, default=True))
