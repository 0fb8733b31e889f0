"""A server that one visitor asks too much of: `python -m tests.benchmarks.denials`. While somebody else types a key a
second, an attacker sends what would take the server from all: measured are the other's longest wait and the memory.

Every attack is in `ATTACKS`; `--size` shrinks them, and tests/app/test_denials.py runs them small.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import CharTokenizer, IdTokenizer, Tokenizer
from tests.benchmarks.load import Session, resident
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import server

WAIT, GROWTH = 2.0, 300.0
"""Bounds: seconds of another visitor's longest wait, and megabytes."""
USUAL = "shakespeare-char"
LETTERS = "\n abcdefghijklmnopqrstuvwxyz"


class Attacker(Session):
    """A browser's connection that sends whatever it likes, and waits for the end of the run."""

    async def send(self, **panels: Any) -> str:
        """Send events as the page does, and return the notice that the page then shows; "" for none."""
        self.seq += 1
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.live
        events = {name: {"seq": self.seq, **event} for name, event in panels.items()}
        state.json_value = json.dumps({**events, "kept": sorted(self.kept)})
        message.rerun_script.fragment_id = self.fragment
        await self.socket.send(message.SerializeToString())
        await self._run()
        return self.notice

    async def type(self, text: str) -> str:
        """Type a text."""
        return await self.send(prompt={"text": text, "rev": self.rev})

    async def empty_caches(self) -> None:
        """Have Streamlit's caches emptied, as any browser may ask for, and open the page anew."""
        message = BackMsg()
        message.clear_cache = True
        await self.socket.send(message.SerializeToString())
        await self.open()


@dataclass(frozen=True)
class Attack:
    """An attack on a server: the attacker's own model, and the acts."""

    what: str
    config: Callable[[float], GPTConfig] | None
    """The sizes of the model that the server is started with; None for a usual one."""
    act: Callable[[Attacker, float], Awaitable[list[str]]]
    """Does it, and returns the notices that were shown."""
    refused: bool = True
    """True where the page must say that it will not do it."""


@dataclass(frozen=True)
class Measured:
    """The harm that an attack did to others."""

    wait: float
    """Seconds of another visitor's slowest key meanwhile."""
    alone: float
    """The same of some keys before."""
    growth: float
    """Megabytes of the server, at their peak."""
    notices: tuple[str, ...]

    @property
    def told(self) -> str:
        """The first sentence that the attacker was told, or its beginning."""
        return self.notices[0][:150] if self.notices else ""


async def long_prompt(attacker: Attacker, size: float) -> list[str]:
    """Type 16,000 tokens of a context of 60,000."""
    return [await attacker.type("to be or not to be " * int(840 * size))]


async def grown_prompt(attacker: Attacker, size: float) -> list[str]:
    """Type one longer text after the other, each as long as the server still takes."""
    return [await attacker.type("to be or not to be " * int(count * size)) for count in (40, 80, 160, 320, 640)]


async def many_words(attacker: Attacker, size: float) -> list[str]:
    """Type a prompt of which a click asks for the logits and the probabilities of 400,000 tokens."""
    typed = await attacker.type(" ".join(str(number) for number in range(int(2500 * size))))
    clicked = [await attacker.send(map={"kind": "select", "id": name}) for name in ("lm_head", "probs", "loss")]
    return [typed, *clicked]


async def megabytes(attacker: Attacker, size: float) -> list[str]:
    """Type a prompt of 0.9 MB, which is told, and one of 10 MB, at which the server hangs up."""
    told = await attacker.type("to be or not to be " * int(47_000 * size))
    try:
        await attacker.type("to be or not to be " * int(525_000 * size))
    except ConnectionClosedError as error:
        if error.rcvd is None or error.rcvd.code != TOO_BIG:
            raise
        return [told]
    raise AssertionError("a message of 10 MB was read")


TOO_BIG = 1009
"""The code with which a connection ends over which too large a message came (RFC 6455)."""


async def keys_past_the_end(attacker: Attacker, size: float) -> list[str]:
    """Type keys beyond the context of a model of GPT-2 small's size: each is a pass over all of it."""
    text = "to be or not to be " * 55  # 1,045 characters, of which the model sees the last 1,024
    return [
        await attacker.type(text[: int(len(text) * min(1, size))] + "x" * key) for key in range(max(3, int(8 * size)))
    ]


async def emptied_caches(attacker: Attacker, size: float) -> list[str]:
    """Empty the caches, again and again."""
    for _ in range(max(2, int(8 * size))):
        await attacker.empty_caches()
    return []


ATTACKS = (
    Attack(
        "a context of 60,000, a prompt of 16,000 tokens",
        lambda size: GPTConfig(max(64, int(60_000 * size)), len(LETTERS), 1, 4, 4),
        long_prompt,
    ),
    Attack(
        "the same context, prompts that grow",
        lambda size: GPTConfig(max(64, int(60_000 * size)), len(LETTERS), 1, 4, 4),
        grown_prompt,
        refused=False,
    ),
    Attack(
        "400,000 tokens in the vocabulary, their logits by a click",
        lambda size: GPTConfig(4096, max(300, int(400_000 * size)), 1, 1, 4),
        many_words,
    ),
    Attack("a prompt of 10 MB", None, megabytes),
    Attack(
        "keys past the context of GPT-2 small's size",
        lambda size: GPTConfig(1024, len(LETTERS), max(1, int(12 * size)), 12, 768),
        keys_past_the_end,
        refused=False,
    ),
    Attack("caches emptied by a visitor", None, emptied_caches, refused=False),
)


@contextmanager
def model_of(config: GPTConfig | None) -> Iterator[str]:
    """Yield the name or folder of the model to start the server with."""
    if config is None:
        yield USUAL
        return
    torch.manual_seed(0)
    spelt = config.vocab_size == len(LETTERS)
    words: Tokenizer = CharTokenizer(LETTERS) if spelt else IdTokenizer(config.vocab_size)
    model = GPT(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        save(
            Checkpoint(model, words, config, {"prompt": "to be" if spelt else "1 2"}),
            folder,
        )
        yield folder


@asynccontextmanager
async def connected(url: str, query: str = "") -> AsyncIterator[Attacker]:
    """Yield a session of its own, on a page that was opened with these query parameters."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(address, origin=url, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[arg-type,list-item]
        session = Attacker(socket)
        await session.open(query)
        yield session


async def typing(other: Attacker, done: asyncio.Event) -> list[float]:
    """Type a key now and then as another visitor until it is done, and once more; the seconds that each took."""
    times = list[float]()
    while True:
        last = done.is_set()
        started = time.perf_counter()
        await other.type("to be or not"[: 3 + len(times) % 9])
        times.append(time.perf_counter() - started)
        if last:
            return times
        await asyncio.sleep(0.3)


async def measured(attack: Attack, size: float) -> Measured:
    """Let the attacker strike while another visitor types into a usual model."""
    with model_of(attack.config(size) if attack.config else None) as source, server(source) as (url, process):
        async with connected(url, f"model={USUAL}") as other, connected(url) as attacker:
            alone = max([await timed(other.type("to b" + "e" * i)) for i in range(5)][1:])
            before, peak, done = resident(process), [0.0], asyncio.Event()

            async def watch() -> None:
                while not done.is_set():
                    peak[0] = max(peak[0], resident(process))
                    await asyncio.sleep(0.02)

            async def strike() -> list[str]:
                await asyncio.sleep(0.5)
                try:
                    return await attack.act(attacker, size)
                finally:
                    done.set()

            times, notices, _ = await asyncio.gather(typing(other, done), strike(), watch())
    return Measured(max(times), alone, max(0.0, peak[0] - before), tuple(filter(None, notices)))


async def timed(run: Awaitable[object]) -> float:
    """Seconds until it is done."""
    started = time.perf_counter()
    await run
    return time.perf_counter() - started


def run(size: float, chosen: str) -> bool:
    """Print a line for each attack and bound."""
    good = True
    for attack in ATTACKS:
        if chosen not in attack.what:
            continue
        found = asyncio.run(measured(attack, size))
        wait = f"{attack.what}: another's longest wait, s"
        good = report(wait, found.wait, WAIT, f"before the attack {found.alone:.3f} s") and good
        good = report(f"{attack.what}: memory, MB", found.growth, GROWTH, found.told) and good
        if attack.refused and not found.told:
            print(f"\n{attack.what} was not refused")
            good = False
    return good


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="share of the full size of each attack")
    parser.add_argument("--only", default="", help="words of the attacks to run")
    options = parser.parse_args()
    os.environ["GPTSCOPE_SHARED"] = "1"
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = run(options.size, options.only)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
