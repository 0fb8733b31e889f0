"""The curves of a training, in a separate message that is not sent again while it stays the same. Invisible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, register

_HISTORY = register("history")


def history(
    *,
    key: str,
    history_key: str,
    steps: Sequence[int],
    losses: Mapping[str, Sequence[float | None]],
    kinds: Mapping[str, str],
    scores: NDArray[np.float32],
    n_head: int,
    last: str = "final",
) -> None:
    """Hand the curves to the page under the name `history_key`; mount it outside the timeline's fragment.

    Args:
        key: key of the component.
        history_key: name of the curves; other curves need another name.
        steps: steps of the snapshots, ascending.
        losses: curves by name: train_loss, val_loss (nats), val_accuracy (0 to 1); a value or None for each step.
        kinds: names of the heads' scores, each with a sentence about its meaning.
        scores: (kinds, steps, heads), from 0 to 1, NaN if unknown; heads are counted layer by layer.
        n_head: number of heads of a layer.
        last: name of the model after the last snapshot: "final", or "best" of the training.
    """
    if scores.shape[:2] != (len(kinds), len(steps)):
        raise ValueError(f"scores has shape {scores.shape}; wanted ({len(kinds)} kinds, {len(steps)} steps, heads)")
    for name, curve in losses.items():
        if len(curve) != len(steps):
            raise ValueError(f"{name} has {len(curve)} values for {len(steps)} steps; every step needs one, or None")
    data = {
        "history_key": history_key,
        "steps": list(steps),
        "losses": {name: list(curve) for name, curve in losses.items()},
        "kinds": [{"name": name, "meaning": meaning} for name, meaning in kinds.items()],
        "heads": scores.shape[2],
        "n_head": n_head,
        "last": last,
        "scores": scores.ravel(),
    }
    _HISTORY(key=key, data=check_payload(data))
