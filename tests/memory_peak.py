"""The most memory that PyTorch holds at once while something runs, counted by itself: no other program changes it."""

from __future__ import annotations

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak(run: Callable[[], object]) -> int:
    """Return the bytes that tensors take at most, beyond those that were there before.

    >>> import torch
    >>> peak(lambda: torch.zeros(1000) + torch.ones(1000))
    12000
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        kept = run()
    now = most = 0
    events = found.profiler.kineto_results.events()  # type: ignore[union-attr]
    for event in sorted((each for each in events if each.name() == "[memory]"), key=lambda each: each.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    del kept
    return most
