"""All panels that a key draws again, as one component: the numbers of a key travel in one message.

Each message costs the server and the browser a millisecond or more of bookkeeping, whatever it holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from app.components._assets import check_payload, register

_LIVE = register("live")


class Panel(NamedTuple):
    """A panel with its numbers, ready to be sent. `name` is the folder of its component."""

    name: str
    data: dict[str, Any]


def live(*, key: str, panels: list[Panel], step: str = "final") -> None:
    """Mount the panels, each at its place in `live.css`, in this order.

    Args:
        key: `st.session_state[key][name]` is what the panel of that name last reported: its `...Event`, or the
            prompt's `PromptValue`.
        panels: at most one of each component.
        step: of the training, whose weights all of them tell of; for tests.
    """
    names = [panel.name for panel in panels]
    if len(set(names)) < len(names):
        raise ValueError(f"each panel once, got {', '.join(names)}")
    plain: dict[str, dict[str, Any]] = {name: {} for name in names}
    arrays: dict[str, Any] = {}
    for name, data in panels:
        for field, value in data.items():
            if isinstance(value, np.ndarray):  # arrays travel at the top level alone
                arrays[f"{name}.{field}"] = value
            else:
                plain[name][field] = value
    _LIVE(key=key, data=check_payload({"panels": plain, "step": step, **arrays}))
