"""The sizes that this person supposes on the page Sizes, and the times that were measured there."""

from __future__ import annotations

from typing import cast

import streamlit as st

from app.session.supposed_sizes import Choice, of_text, problem, to_text
from app.state import person
from gptcore import Trace
from gptcore.analysis.part_times import PartTimes

_KEY, _MEASURED = "what if", "what if measured"


def asked() -> Choice:
    """Return the settings that were asked for, perhaps impossible; at first those of this model."""
    return _pair()[0]


def drawn() -> Choice:
    """Return the settings that are drawn: the last possible ones."""
    return _pair()[1]


def choose(choice: Choice) -> None:
    """Ask for settings. Those of this model are not kept, so that they follow it when another is opened."""
    if choice == _this():
        st.session_state[_KEY] = None
    else:
        st.session_state[_KEY] = choice, drawn() if problem(choice) else choice


def text() -> str:
    """Return the settings as a text for the address; "" for those of this model."""
    return to_text(asked()) if st.session_state.get(_KEY) else ""


def follow(told: str) -> None:
    """Ask for the settings of an address; "" is this model."""
    if told != text():
        choose(of_text(told) if told else _this())


def keep_measured(trace: Trace, times: PartTimes, threads: int) -> None:
    """Keep what was measured on the run of the screen."""
    st.session_state[_MEASURED] = trace, times, threads


def measured(trace: Trace) -> tuple[PartTimes, int] | None:
    """Return the times of this very run and the number of threads; None where they were not measured."""
    found = st.session_state.get(_MEASURED)
    return found[1:] if found and found[0] is trace else None


def _pair() -> tuple[Choice, Choice]:
    return cast("tuple[Choice, Choice] | None", st.session_state.get(_KEY)) or (_this(), _this())


def _this() -> Choice:
    return Choice.of(person.explorer().arch.config)
