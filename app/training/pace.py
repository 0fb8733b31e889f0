"""The pace of a training that is running, and the time that it still needs. This file knows no process and no clock."""

from __future__ import annotations

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
    settings, speeds = history.settings, history.curves.get("tokens_per_s")
    sizes = [settings.get(name) for name in ("batch_size", "accumulate", "block_size")]
    if speeds is None or not all(type(size) is int and size > 0 for size in sizes):
        return []
    tokens = sizes[0] * sizes[1] * sizes[2]  # type: ignore[operator]
    found, before = [], began_at
    for step, speed in zip(speeds.steps, speeds.values, strict=True):
        if step > began_at and speed > 0:
            found.append((step - before, tokens / speed))
            before = step
    return found


def _looks(history: LearningCurves, steps: int, began_at: int) -> tuple[int, int]:
    """Return how many evaluations and snapshots this process has made, and how many will come."""
    interval, kept = history.settings.get("eval_interval"), history.settings.get("snapshots")
    every = range(0, steps, interval) if type(interval) is int and interval > 0 else ()
    wanted = {*every, steps, *(step for step in (kept if isinstance(kept, list) else []) if type(step) is int)}
    first = began_at if began_at else -1  # that of step 0 is made before the first step
    return sum(first < step <= history.step for step in wanted), sum(history.step < step <= steps for step in wanted)
