"""A head switched off from the page Lab: a change as any other, which stays on Explore and in the link."""

from __future__ import annotations

from app.session.actions import Action
from app.session.change_actions import AddChange, RemoveChange
from app.session.changes import Change, switching_off
from app.session.explorer import Explorer
from app.state import server
from gptcore import Edit


def apply(me: Explorer, action: Action) -> None:
    """Do what needs a run of the prompt."""
    with server.turn(me.work([action])):
        me.apply(action)


def switch(me: Explorer, layer: int, head: int) -> None:
    """Switch a head off, or on again where it is off."""
    edit = switched_off(me, layer, head)
    apply(me, RemoveChange(Change(edit).key) if (layer, head) in off(me) else AddChange(edit))


def switched_off(me: Explorer, layer: int, head: int) -> Edit:
    """Return the change that switches a head off, as Explore's own button makes it."""
    made = switching_off(me.arch, me.arch.nodes[me.arch.named("weighted values", layer)], head)
    assert made is not None, "a head's output can be switched off"
    return made


def off(me: Explorer) -> frozenset[tuple[int, int]]:
    """Return the heads that are off at present, each by a change of its own."""
    config, now = me.arch.config, me.shown.here
    heads = ((layer, head) for layer in range(config.n_layer) for head in range(config.n_head))
    return frozenset(place for place in heads if switched_off(me, *place) in now)
