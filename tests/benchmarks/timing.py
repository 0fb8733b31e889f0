"""Medians of interleaved runs: A, B, A, B, ..., so that a noisy machine is equally noisy for both."""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(a: Callable[[], object], b: Callable[[], object], repeats: int, warmup: int = 3) -> tuple[float, float]:
    """Medians of a and b in milliseconds, called in turn, each first as often as the other."""
    for _ in range(warmup):
        a(), b()
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(repeats):
        pair = ((0, a), (1, b)) if i % 2 else ((1, b), (0, a))
        for which, run in pair:
            times[which].append(seconds(run))
    return statistics.median(times[0]) * 1e3, statistics.median(times[1]) * 1e3


def report(what: str, measured: float, bound: float, detail: str = "") -> bool:
    """Prints one line of the table; whether the bound holds."""
    holds = measured <= bound
    print(f"| {what} | {measured:.3f} | ≤ {bound} | {'holds' if holds else 'MISSED'} | {detail} |", flush=True)
    return holds


@contextmanager
def absolute() -> Iterator[None]:
    """Print in the end what the machine was like, for times that are no ratios, which hang upon it.

    That is the share of the time that a virtual machine's host gave to others (Linux tells it), and what a fixed loop
    took before and after: both can double on a shared host.
    """
    before, paces = psutil.cpu_times(), [_pace()]
    yield
    after, paces = psutil.cpu_times(), [*paces, _pace()]
    stolen = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    busy = stolen + sum(getattr(after, kind) - getattr(before, kind) for kind in ("user", "system"))
    print(
        f"\nstolen by the host: {stolen / busy:.0%} of the busy time; a fixed loop: {paces[0]:.0f}, {paces[1]:.0f} ms"
    )


def _pace() -> float:
    """Milliseconds of a million additions in Python, the median of nine."""
    return statistics.median(seconds(lambda: sum(i + 1 for i in range(1_000_000))) for _ in range(9)) * 1e3


def keep_freed_memory() -> str:
    """Tells glibc to keep freed memory for the next run instead of giving its pages back; what was set, in words.

    A captured run keeps what a bare one frees at once, so without this its cost is mostly the kernel's, for fresh
    pages. The same is had for a server by MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ in the environment.
    """
    if not sys.platform.startswith("linux"):
        return "allocator as it is"
    libc = ctypes.CDLL(None)
    limit = 2**31 - 1
    libc.mallopt(M_MMAP_THRESHOLD, 2**30)
    libc.mallopt(M_TRIM_THRESHOLD, limit)
    return "glibc, M_MMAP_THRESHOLD = 1 GiB, M_TRIM_THRESHOLD = 2 GiB"
