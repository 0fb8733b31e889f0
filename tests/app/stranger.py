"""A stranger's client of a real server: it speaks Streamlit's protocol without a browser, and sends what it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

Result = TypeVar("Result")
SECONDS = 60
"""Longest wait for a run: a test fails then."""


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, in a thread: Playwright's browser keeps a running loop in the thread of the tests."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


class Stranger:
    """One connection: what the server told it, and what it sends."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ids: dict[str, str] = {}
        """Ids of the components, by their names."""
        self.widgets: dict[str, str] = {}
        """Ids of Streamlit's own widgets, by their kinds and keys."""
        self.fragments: dict[str, str] = {}
        """The fragment in which each component stands."""
        self.data: dict[str, dict[str, Any]] = {}
        """The last data of each component, without its arrays."""
        self.session = ""
        self.errors: list[str] = []
        """The messages that an error page would show."""
        self._seq = 0

    async def open(self, query: str = "") -> None:
        """Have the page drawn for the first time."""
        message = BackMsg()
        message.rerun_script.query_string = query
        await self.send(message)
        await self.run()

    async def send(self, message: BackMsg) -> None:
        """Send one message."""
        await self.socket.send(message.SerializeToString())

    async def forge(self, *states: WidgetState, fragment: str = "", page: str = "", query: str = "") -> None:
        """Send states of widgets, and wait for the run that follows."""
        message = BackMsg()
        message.rerun_script.widget_states.widgets.extend(states)
        message.rerun_script.fragment_id = fragment
        message.rerun_script.page_script_hash = page
        message.rerun_script.query_string = query
        await self.send(message)
        await self.run()

    async def key(self, text: str) -> None:
        """Type a text, and wait until its numbers come; runs that were asked for before may end meanwhile."""
        self._seq += 1
        prompt = {"text": text, "seq": self._seq, "rev": self.data["explore_panels"]["panels"]["prompt"]["rev"]}
        state = WidgetState(id=self.ids["explore_panels"], json_value=json.dumps({"prompt": prompt}))
        await self.forge(state, fragment=self.fragments["explore_panels"])
        while self.shown != text:
            await self.run()

    @property
    def shown(self) -> str:
        """The prompt whose numbers were sent last."""
        found: str = self.data["explore_panels"]["panels"]["map"]["text"]
        return found

    async def run(self) -> None:
        """Read what the server sends to the end of a run."""
        while True:
            message = ForwardMsg()
            message.ParseFromString(await asyncio.wait_for(self.socket.recv(decode=False), SECONDS))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id or self.session
            elif kind == "session_event":
                self._session_event(message)
            elif kind == "delta":
                self._element(message)
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _session_event(self, message: ForwardMsg) -> None:
        if message.session_event.WhichOneof("type") == "script_compilation_exception":
            self.errors.append(str(message.session_event)[:500])

    def _element(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}"[:500])
        elif kind == "bidi_component":
            found = element.bidi_component
            name = found.component_name.removeprefix("gptscope_")
            self.ids[name], self.fragments[name] = found.id, message.delta.fragment_id
            self.data[name] = json.loads(found.mixed.json if found.HasField("mixed") else found.json)
        elif kind is not None:
            part: Any = getattr(element, kind)
            if name := getattr(part, "id", ""):
                self.widgets[f"{kind} {name.rpartition('-')[2]}"] = name


@asynccontextmanager
async def stranger(url: str) -> AsyncIterator[Stranger]:
    """Connect to a server."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    protocols: Any = ["streamlit"]
    origin: Any = url
    async with connect(address, origin=origin, subprotocols=protocols, max_size=None) as socket:
        yield Stranger(socket)
