"""The curves of a training, in a separate message that is not sent again while it stays the same. Invisible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, number, register

_CURVES = register("training_curves")


@dataclass(frozen=True)
class Opened:
    """The weights that were opened, and their place among the snapshots."""

    name: str = "final"
    """The part of them in the training: "final", "last" or "best"."""
    step: int | None = None
    """The step that they are from; None if it is not known."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """Their losses, as far as they were measured."""


def training_curves(
    *,
    key: str,
    history_key: str,
    steps: Sequence[int],
    losses: Mapping[str, Sequence[float | None]],
    kinds: Mapping[str, str],
    scores: NDArray[np.float32],
    n_head: int,
    opened: Opened | None = None,
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
        opened: the weights that were opened, which stand among the snapshots; by default the final ones.
    """
    if scores.shape[:2] != (len(kinds), len(steps)):
        raise ValueError(f"scores has shape {scores.shape}; wanted ({len(kinds)} kinds, {len(steps)} steps, heads)")
    for name, curve in losses.items():
        if len(curve) != len(steps):
            raise ValueError(f"{name} has {len(curve)} values for {len(steps)} steps; every step needs one, or None")
    opened = opened or Opened()
    data = {
        "history_key": history_key,
        "steps": list(steps),
        "losses": {name: list(curve) for name, curve in losses.items()},
        "kinds": [{"name": name, "meaning": meaning} for name, meaning in kinds.items()],
        "heads": scores.shape[2],
        "n_head": n_head,
        "opened": {
            "name": opened.name,
            "step": opened.step,
            "losses": {name: number(value) for name, value in opened.losses.items()},
        },
        "scores": scores.ravel(),
    }
    _CURVES(key=key, data=check_payload(data))
