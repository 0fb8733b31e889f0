"""All that the attackers know, and an attack: it tells what became of it, or fails where it went through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.app.stranger import Stranger
from tests.benchmarks.denials import Attacker
from tests.deploy.front import Front
from tests.deploy.visiting import live

PATIENCE = 30.0
SECRETS = re.compile(rb"root:x:|# TYPE |Traceback|GPTSCOPE_SECRET|model name\t")
"""Signs of what no answer may hold: a file of the system, Streamlit's numbers, an error's lines, a setting."""


@dataclass
class Place:
    """All that the attackers know: the server, and what their browser keeps."""

    server: Front
    kept: Mapping[str, str]
    """The attackers' own cookies."""

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Stranger]:
        """Open a page that sends what it likes."""
        async with live(self.server, self.kept) as socket:
            me = Stranger(socket)
            await me.open()
            yield me

    @asynccontextmanager
    async def attacker(self) -> AsyncIterator[Attacker]:
        """Open a page that types."""
        async with live(self.server, self.kept) as socket:
            me = Attacker(socket)
            await me.open()
            yield me


Act = Callable[[Place], Awaitable[str]]


@dataclass(frozen=True)
class Attack:
    """An attack, which tells what became of it, and raises an AssertionError where it went through."""

    what: str
    act: Act
