"""A class on one server: `python -m tests.benchmarks.load`. Thirty sessions speak Streamlit's protocol as browsers do,
each types a key a second, a minute a round; measured is the time from a key to the last message of its numbers."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.keystroke import SONNET, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import server

PANELS = ("map", "heads", "matrix", "prediction")


class Session:
    """One browser's connection: what the server told it, and the keys it sends."""

    patience = 60.0
    """Seconds to wait for a message."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.live = self.fragment = ""
        self.text, self.rev, self.seq = "", 0, 0
        self.texts: dict[str, str] = {}  # the text that each panel's numbers belong to
        self.notice = ""  # what the prompt's line says
        self.kept: set[str] = set()  # names of the drawings and formulas that a browser keeps, and tells so

    async def open(self, query: str = "") -> None:
        """The first run of the page, at an address with these query parameters."""
        message = BackMsg()
        message.rerun_script.query_string = query
        await self.socket.send(message.SerializeToString())
        await self._run()
        if not self.live:
            raise RuntimeError("the page has no panels; has the app been changed?")

    async def key(self) -> float:
        """Types a character; seconds until all numbers of the new prompt have come."""
        self.seq += 1
        end = len(self.text) % 120
        self.text = SONNET[: end + 1] if end else SONNET[:20]
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.live
        prompt = {"text": self.text, "seq": self.seq, "rev": self.rev}
        state.json_value = json.dumps({"prompt": prompt, "kept": sorted(self.kept)})
        message.rerun_script.fragment_id = self.fragment
        started = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        await self._run()
        took = time.perf_counter() - started
        behind = [name for name in PANELS if self.texts.get(name) != self.text]
        if behind:
            raise RuntimeError(f"no numbers for the new prompt in {', '.join(behind)}")
        return took

    async def _run(self) -> None:
        """Reads messages to the end of a run."""
        while True:
            message = ForwardMsg()
            message.ParseFromString(await asyncio.wait_for(self.socket.recv(decode=False), self.patience))
            kind = message.WhichOneof("type")
            if kind == "script_finished":
                return
            if kind == "delta" and message.delta.new_element.WhichOneof("type") == "bidi_component":
                self._component(message.delta.new_element.bidi_component, message.delta.fragment_id)

    def _component(self, component: Any, fragment: str) -> None:
        data = json.loads(component.mixed.json if component.HasField("mixed") else component.json)
        if component.component_name == "gptscope_explore_panels":
            self.live, self.fragment = component.id, fragment
            self.rev = data["panels"]["prompt"]["rev"]
            self.kept |= set(data["kept"])
            self.notice = (data["panels"]["prompt"]["notice"] or {}).get("text", "")
            self.texts = {name: panel["text"] for name, panel in data["panels"].items() if "text" in panel}


async def one(
    url: str, keys: int, rounds: int = 1, process: int | None = None, everybody: asyncio.Barrier | None = None
) -> tuple[list[float], list[float]]:
    """A session that types the same text in each round, a key a second, starting at a moment of its own once everybody
    has opened the page: its times, and the server's memory at the end of each round."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(address, origin=url, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[arg-type,list-item]
        session = Session(socket)
        await session.open()
        if everybody is not None:
            await everybody.wait()
        await asyncio.sleep(random.random())
        times, memory = [], []
        for _ in range(rounds):
            session.text = ""
            for _ in range(keys):
                took = await session.key()
                times.append(took)
                await asyncio.sleep(max(0.0, 1.0 - took))
            memory.append(resident(process) if process is not None else 0.0)
        return times, memory


def resident(process: int) -> float:
    """Megabytes of memory that a process holds."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))


async def run(sessions: int, keys: int, rounds: int) -> bool:
    """Everybody at once. Longer texts hold more, so memory is level when typing them once more holds no more."""
    with server("shakespeare-char") as (url, process):
        await one(url, 3)
        everybody = asyncio.Barrier(sessions)
        parts = await asyncio.gather(*(one(url, keys, rounds, process, everybody) for _ in range(sessions)))
    times = [value for part, _ in parts for value in part]
    first, *_, last = (max(values) for values in zip(*(memory for _, memory in parts), strict=True))
    detail = f"median {statistics.median(times) * 1e3:.0f} ms, {len(times)} keys"
    good = report(
        f"{sessions} sessions, a key a second: key → numbers sent, p95 ms", quantile(times, 0.95) * 1e3, 300, detail
    )
    detail = f"{first:.0f} → {last:.0f} MB"
    return report(f"server memory after round {rounds} / after round 1", last / first, 1.05, detail) and good


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=30, help="how many type at once")
    parser.add_argument("--keys", type=int, default=60, help="keys of each round, one a second")
    parser.add_argument("--rounds", type=int, default=3, help="how often each types the same text; at least 2")
    options = parser.parse_args()
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = asyncio.run(run(options.sessions, options.keys, max(2, options.rounds)))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
