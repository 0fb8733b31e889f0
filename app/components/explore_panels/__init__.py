"""All panels that change with each key, as one component: one message carries all numbers of a key.

Each message costs the server and the browser a millisecond or more, whatever its size. A large text that seldom
changes, such as a drawing, travels with it once: the page keeps such texts by name, and reports which it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

import numpy as np

from app.components._assets import check_payload, register

_PANELS = register("explore_panels")


class Panel(NamedTuple):
    """A panel with its numbers, ready to be sent. `name` is the folder of its component."""

    name: str
    data: dict[str, Any]


class LookEvent(TypedDict):
    """The state of `explore_panels`, under "look", after a choice of how things are drawn; act once per `seq`."""

    name: str
    word: str
    seq: int


def explore_panels(
    *,
    key: str,
    panels: list[Panel],
    step: str = "final",
    kept: Mapping[str, str] | None = None,
    width: str = "column",
    plot: str = "grid",
    origin: str = "",
    state: str = "",
    heard: int = 0,
) -> None:
    """Mount the panels, each at its place in `explore_panels.css`, in this order.

    Args:
        key: `st.session_state[key][name]` is the last report of the panel of that name: its `...Event`, or the
            prompt's `PromptValue`. `st.session_state[key]["kept"]` lists the names of the texts that the page has.
        panels: at most one of each component.
        step: the training step of the weights that all panels show; for tests.
        kept: texts for the panels, by the names that their data holds: all those that the page has not reported,
            because a message that is overtaken by the next never reaches it.
        width: "window" to give the stage the whole window.
        plot: "heads" to give the stage to all heads.
        origin: the session and the model of these numbers; each report comes back with it.
        state: the state of the screen as query parameters; "" for one that has no room in an address.
        heard: the number of the newest report that has come.
    """
    names = [panel.name for panel in panels]
    if len(set(names)) < len(names):
        raise ValueError(f"each panel may be there once, got {', '.join(names)}; leave out the repeated ones")
    plain: dict[str, dict[str, Any]] = {name: {} for name in names}
    arrays: dict[str, Any] = {}
    for name, data in panels:
        for field, value in data.items():
            if isinstance(value, np.ndarray):  # Streamlit sends arrays only at the top level
                arrays[f"{name}.{field}"] = value
            else:
                plain[name][field] = value
    whole = {"step": step, "kept": dict(kept or {}), "width": width, "plot": plot}
    told = {"origin": origin, "state": state, "heard": heard}
    _PANELS(key=key, data=check_payload({"panels": plain, **whole, **told, **arrays}))
