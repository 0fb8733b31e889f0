"""The pace of a training that is running, and the time that it still needs. This file knows no process and no clock."""

from __future__ import annotations

import math
from statistics import median

from app.training.learning_curves import LearningCurves

RECENT = 20
"""Number of the last lines whose pace is believed: a machine that was busy before tells little about now."""


def seconds_left(history: LearningCurves, steps: int, began_at: int, elapsed: float) -> float | None:
    """Return an estimate of the remaining time; None as long as no step was measured.

    The remaining steps take as long each as the last ones, by their median, so that one slow moment does not count.
    What the time so far held besides steps, went into evaluations and snapshots, of which more will come.

    Args:
        history: the lines that the training has written.
        steps: the number of steps of the whole training.
        began_at: the step at which the present process started.
        elapsed: seconds from the start of training in this process to the last line.
    """
    paces = _paces(history, began_at)
    done = history.step - began_at
    if not paces or done <= 0:
        return None
    recent = median([pace for _, pace in paces[-RECENT:]])
    before, after = _looks(history, steps, began_at)
    spent = sum(count * pace for count, pace in paces)
    look = max(0.0, elapsed - spent) / before if before else 0.0
    return (steps - history.step) * recent + after * look


def _paces(history: LearningCurves, began_at: int) -> list[tuple[int, float]]:
    """Return for each line of this process the number of its steps, and the seconds of each of them."""
    speeds = history.curves.get("tokens_per_s")
    sizes = [history.size(name) for name in ("batch_size", "accumulate", "block_size")]
    if speeds is None or None in sizes:
        return []
    tokens = math.prod(size for size in sizes if size)
    found, before = [], began_at
    for step, speed in zip(speeds.steps, speeds.values, strict=True):
        if step > began_at and speed > 0:
            found.append((step - before, tokens / speed))
            before = step
    return found


def _looks(history: LearningCurves, steps: int, began_at: int) -> tuple[int, int]:
    """Return how many evaluations and snapshots this process has made, and how many will come."""
    interval, kept = history.size("eval_interval"), history.settings.get("snapshots")
    every = range(0, steps, interval) if interval else range(0)
    others = {steps, *(step for step in (kept if isinstance(kept, list) else []) if type(step) is int)}
    others -= {step for step in others if step in every}
    first = began_at if began_at else -1  # that of step 0 is made before the first step
    return _within(every, others, first, history.step), _within(every, others, history.step, steps)


def _within(every: range, others: set[int], after: int, last: int) -> int:
    """Return how many of the steps come after one, up to another. The first ones are counted without a walk."""
    if last <= after:
        return 0
    regular = len(every[: -(-(last + 1) // every.step)]) - len(every[: -(-(after + 1) // every.step)])
    return regular + sum(after < step <= last for step in others)
