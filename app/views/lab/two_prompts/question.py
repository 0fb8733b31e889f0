"""The question of a sweep, from this person's choices."""

from __future__ import annotations

from typing import cast

from app.panels.sweeps import PATH, WHATS, Question, Receiver
from app.session.explorer import Explorer
from app.state import lab

USUAL = "head"


def question_of(me: Explorer) -> Question:
    """Return the question; a choice that does not fit this model is as if it was not made."""
    what = lab.get("what", USUAL)
    what = what if what in WHATS else USUAL
    return Question(what, lab.get("way") == "break", receiver_of(me) if what == PATH else None)


def receiver_of(me: Explorer) -> Receiver | None:
    """Return the head and the input in which paths end; None for the logits. No path ends in the first block."""
    layer, _, rest = lab.get("to").partition(".")
    head, _, which = rest.partition(".")
    if not (layer.isdecimal() and head.isdecimal() and which in ("q", "k", "v")):
        return None
    config = me.arch.config
    fits = 0 < int(layer) < config.n_layer and int(head) < config.n_head
    return cast(Receiver, (int(layer), int(head), which)) if fits else None
