"""More than a class: `python -m tests.benchmarks.many`. A hundred visitors of four processes behind the nginx of
.deploy/, each with the cookies, TLS and the prefix that a browser has; each types a key in three seconds. Measured is
the time from a key to the last message of its numbers; the visitors' own work is done on the same cores."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from collections import Counter
from pathlib import Path

import psutil

from tests.benchmarks.keystroke import quantile
from tests.benchmarks.load import Session, resident
from tests.benchmarks.timing import absolute, report
from tests.deploy.front import Front, front, missing
from tests.deploy.visiting import cookies, live

OPENING = 4
"""Pages that are opened at a time."""


async def visitor(
    server: Front, keys: int, pause: float, doors: asyncio.Semaphore, everybody: asyncio.Barrier
) -> tuple[str, list[float]]:
    """Open a page, and type once everybody has one: the process that the visitor was led to, and the times."""
    async with doors:
        kept = await asyncio.to_thread(cookies, server)
        socket = await live(server, kept)
        session = Session(socket)
        await session.open()
    async with socket:
        await everybody.wait()
        await asyncio.sleep(random.random() * pause)
        times = []
        for _ in range(keys):
            took = await session.key()
            times.append(took)
            await asyncio.sleep(max(0.0, pause - took))
    return kept["gptscope_process"], times


def busy(server: Front) -> tuple[float, float]:
    """Seconds of processor time so far: of the app's processes, and of this one, the visitors."""
    spent = [psutil.Process(process.pid).cpu_times() for process in server.processes.values()]
    own = psutil.Process().cpu_times()
    return sum(each.user + each.system for each in spent), own.user + own.system


async def run(server: Front, users: int, keys: int, pause: float) -> bool:
    """Everybody at once."""
    doors, everybody = asyncio.Semaphore(OPENING), asyncio.Barrier(users + 1)
    visitors = [asyncio.create_task(visitor(server, keys, pause, doors, everybody)) for _ in range(users)]
    await everybody.wait()  # all have their page
    worked = [-each for each in busy(server)]
    parts = await asyncio.gather(*visitors)
    worked = [before + after for before, after in zip(worked, busy(server), strict=True)]
    times = [took * 1e3 for _, part in parts for took in part]
    spread = "/".join(str(number) for _, number in sorted(Counter(process for process, _ in parts).items()))
    memory = sum(resident(process.pid) for process in server.processes.values())
    detail = f"median {statistics.median(times):.0f}, max {max(times):.0f} ms, {len(times)} keys; visitors {spread}"
    what = f"{users} visitors, a key in {pause:g} s, {len(server.ports)} processes: key → numbers sent, p95 ms"
    good = report(what, quantile(times, 0.95), 1000, detail)
    theirs, own = (each * 1e3 / len(times) for each in worked)
    share = (theirs + own) * users / pause / 1e3
    detail = f"and {own:.0f} ms of the visitors: {share:.2f} cores for all of them"
    good &= report("processor time of all processes, ms a key", theirs, 45, detail)
    return report("memory of all processes, MB a process", memory / len(server.ports), 800, f"{memory:.0f} MB") and good


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100, help="how many type at once")
    parser.add_argument("--processes", type=int, default=4, help="processes of the app")
    parser.add_argument("--keys", type=int, default=20, help="keys of each")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds from a key to the next")
    options = parser.parse_args()
    if missing():
        parser.error(missing())
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        front(Path(folder), options.processes, GPTSCOPE_PAGES=str(2 * options.users)) as server,
        absolute(),
    ):
        good = asyncio.run(run(server, options.users, options.keys, options.pause))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
