"""The training as a rail: a slider over its snapshots, curves of losses and head scores behind it, a play button.

It is 34 px high until it is used, and grows upwards over the page then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from app.components._assets import deliver, number
from app.components.explore_panels import Panel

deliver("timeline")


class PickedHead(TypedDict):
    """A head that the user has chosen in the strip; it stays in later messages, under the same number."""

    layer: int
    head: int
    seq: int


class TimelineEvent(TypedDict):
    """The state of `explore_panels` after the first action of the user; send `seq` back as `ack`.

    Each message carries everything. While `growing`, one comes every other second without any action.
    """

    source: str
    step: int | None
    kind: str
    pick: PickedHead | None
    seq: int


class Strongest(TypedDict):
    """The head with the largest score at a step."""

    layer: int
    head: int


class Story(TypedDict):
    """The head by which a score first passes one half, and the step of the snapshot that first shows it."""

    layer: int
    head: int
    step: int


def timeline(
    *,
    text: str,
    source: str,
    history_key: str,
    step: int | None,
    moment: str,
    short: str,
    losses: Mapping[str, float],
    kind: str = "",
    score: float | None = None,
    head: tuple[int, int] = (0, 0),
    strongest: Strongest | None = None,
    story: Story | None = None,
    growing: bool = False,
    ack: int = 0,
) -> Panel:
    """Return the strip as a panel; a `TimelineEvent` tells the step and the head that the user chose.

    Args:
        text: the prompt that the panels show.
        source: the model; it comes back with each event, so that a late event is not used for another model.
        history_key: name of the curves, which `training_curves` sends.
        step: step of the snapshot on the screen; None is the model that was opened.
        moment: the step in words, such as "step 600 of 2,000".
        short: the beginning of these words, such as "step 600", for which there is always room.
        losses: losses of the weights on the screen, by the names of `training_curves`.
        kind: kind of the scores that are drawn; "" without scores.
        score: score of the head at this step.
        head: (layer, head), both from 0, whose curve is drawn strongly.
        strongest: the head with the largest score at this step; None if the scores were not measured there.
        story: where the score first passes one half; None if it never does.
        growing: True if more snapshots are expected, so that the browser asks for them regularly.
        ack: `seq` of the last `TimelineEvent` that was processed.
    """
    data = {
        "text": text,
        "source": source,
        "history_key": history_key,
        "at": step,
        "moment": moment,
        "short": short,
        "losses": {name: number(value) for name, value in losses.items()},
        "kind": kind,
        "score": score,
        "layer": head[0],
        "head": head[1],
        "strongest": strongest,
        "story": story,
        "growing": growing,
        "ack": ack,
    }
    return Panel("timeline", data)
