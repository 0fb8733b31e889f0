"""A class beside one large model: `python -m tests.benchmarks.long_context`. Thirty sessions of a shared server, each
with a key a second; all but one type into a usual model. That one has a model of GPT-2 small's size at the end of its
context, where each key is a full pass, made in turns with the others' keys. Measured is what the others wait."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import time
from contextlib import AsyncExitStack

from gptcore import GPTConfig
from tests.benchmarks.denials import LETTERS, USUAL, Attacker, connected, model_of
from tests.benchmarks.keystroke import quantile
from tests.benchmarks.load import resident
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import server

LARGE = GPTConfig(1024, len(LETTERS), 12, 12, 768)
OPENING = 4
"""Pages that are opened at a time."""


async def typist(session: Attacker, keys: int, pause: float) -> list[float]:
    """Type keys, and return the seconds that each took."""
    await asyncio.sleep(random.random() * pause)
    times = []
    for _ in range(keys):
        times.append(await session.key())
        await asyncio.sleep(max(0.0, pause - times[-1]))
    return times


async def past_the_end(session: Attacker, taken: list[float], told: list[str]) -> None:
    """Type keys behind a full context, one after the other, without an end.

    Args:
        session: the one that types.
        taken: gets the seconds that each key took.
        told: gets what the page told after each.
    """
    text, session.patience = "to be or not to be " * 55, 600.0  # 1,045 characters, of which the model sees 1,024
    while True:
        started = time.perf_counter()
        told.append(await session.type(text + "x" * len(taken)))
        taken.append(time.perf_counter() - started)
        await asyncio.sleep(max(0.0, 1.0 - taken[-1]))


async def run(users: int, keys: int, pause: float, alone: bool) -> bool:
    """Everybody at once, with the large model or, for comparison, without anybody at it."""
    with model_of(LARGE) as source, server(source) as (url, process):
        async with AsyncExitStack() as pages:
            doors = asyncio.Semaphore(OPENING)

            async def page(query: str) -> Attacker:
                async with doors:
                    return await pages.enter_async_context(connected(url, query))

            large = await page("")
            small = await asyncio.gather(*(page(f"model={USUAL}") for _ in range(users - 1)))
            before, peak, taken, told = resident(process), 0.0, list[float](), list[str]()
            others = asyncio.gather(*(typist(each, keys, pause) for each in small))
            own = None if alone else asyncio.create_task(past_the_end(large, taken, told))
            while not others.done():
                peak = max(peak, resident(process))
                await asyncio.sleep(0.1)
            times = [took * 1e3 for part in await others for took in part]
            if own and own.done():
                own.result()  # it has failed
            if own:
                own.cancel()
    middle, worst = statistics.median(times), max(times)
    what = f"{users - 1} others, a key in {pause:g} s{', nobody at the large model' if alone else ''}: p95 ms"
    detail = f"median {middle:.0f}, max {worst:.0f} ms, {len(times)} keys"
    good = report(what, quantile(times, 0.95), 600, detail)
    if own and not taken:
        print("\nnone of its own keys was done meanwhile")
    if taken:
        print(f"\nits own keys: {len(taken)}, median {statistics.median(taken):.1f} s; told: {told[-1][:150]}")
    print(f"memory: {before:.0f} MB, at most {peak - before:.0f} more")
    return good


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=30, help="how many type at once")
    parser.add_argument("--keys", type=int, default=40, help="keys of each of the others")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds from a key to the next")
    parser.add_argument("--alone", action="store_true", help="with nobody at the large model, for comparison")
    options = parser.parse_args()
    os.environ["GPTSCOPE_SHARED"] = "1"
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = asyncio.run(run(options.users, options.keys, options.pause, options.alone))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
