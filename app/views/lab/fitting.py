"""The question if a measurement fits this server, asked before it runs; where it does not, the page says why."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.session.actions import sentence
from app.session.explorer import Explorer
from app.stores.computations import Allowed
from app.stores.limits import TooMuch
from app.stores.speed import Cost


def fits(me: Explorer, cost: Cost, what: str) -> bool:
    """Return True if a measurement that the page waits for may run; else draw the sentence that says why not.

    Do not ask in a turn.

    Args:
        me: whose measurement it is.
        cost: what it costs.
        what: the beginning of the sentence.
    """
    try:
        me.limits.check(cost, what)
    except TooMuch as error:
        st.info("This is not measured here.", icon=":material/info:")
        st.text(sentence(str(error)))
        return False
    return True


def allowed(me: Explorer, cost: Cost, what: str) -> Allowed:
    """Return what a long analysis asks before it begins; arguments as `fits`."""
    return partial(me.limits.check, cost, what)
