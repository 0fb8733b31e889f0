"""The gate between the browser and Streamlit's session state: what nobody can read counts as not sent.

Streamlit reads a widget's state with the widget's own reader, and an error of that reader is an error page, again at
each run until the browser sends another state. A client may send any bytes for any widget. Streamlit has no hook at
this place, so its one method that reads states is wrapped here, and nowhere else; a test with a real server tells when
a new Streamlit reads them elsewhere.
"""

from __future__ import annotations

import logging
from typing import Any

from streamlit.runtime.state.session_state import Serialized, WStates

from app.guard import outside

_LOG = logging.getLogger(__name__)
_MARK = "gptscope_gate"
JSON = ("json_value", "json_trigger_value")
"""The fields in which components send their state."""


class Refused(Serialized):
    """A state that was refused: the widget keeps the value that it had."""


def stand() -> None:
    """Stand in the way of all states from now on; again is nothing more."""
    if not hasattr(WStates.__getitem__, _MARK):
        WStates.__getitem__ = _guarded(WStates.__getitem__)  # type: ignore[method-assign]


def _guarded(read: Any) -> Any:
    def getitem(states: WStates, name: str) -> Any:
        found = states.states.get(name)
        if not isinstance(found, Serialized):
            return read(states, name)
        metadata = states.widget_metadata.get(name)
        if isinstance(found, Refused) or metadata is None:
            raise KeyError(name)
        try:
            check(found, metadata.value_type)
            return read(states, name)
        except Exception as error:  # whatever a reader makes of what it does not expect
            _LOG.debug("a state of %s is refused: %.200s", name, error)
            states.states[name] = Refused(type(found.value)(id=name))
            raise KeyError(name) from None

    setattr(getitem, _MARK, True)
    return getitem


def check(state: Serialized, wanted: str) -> None:
    """Refuse a state of another kind than the widget's, and a component's that no page of ours would send.

    Raises:
        ValueError: the sentence says which.
    """
    kind = state.value.WhichOneof("value")
    if kind not in (wanted, None):
        raise ValueError(f"a state of the kind {wanted} was wanted, got {kind}")
    if kind in JSON and not isinstance(outside.read(getattr(state.value, kind)), dict | list):
        raise ValueError("a component's state is a dict")
