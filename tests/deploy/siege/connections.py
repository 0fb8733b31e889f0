"""Over a live connection: of another origin, without a password, forged messages, frames and states."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.app import forged
from tests.app.stranger import Stranger
from tests.deploy.front import HOST
from tests.deploy.siege.place import PATIENCE, Attack, Place
from tests.deploy.visiting import live

STATES = 173
"""The siege takes each so manieth forged state of the main component: a prime, so that it meets other values."""


async def foreign_origin(place: Place) -> str:
    """Connect as a page of another server."""
    return await no_line(place, origin="https://evil.example")


async def foreign_host(place: Place) -> str:
    """Connect by another name."""
    return await no_line(place, host="other.localhost")


async def no_pass(place: Place) -> str:
    """Connect without a password."""
    return await no_line(Place(place.server, {}))


async def no_line(place: Place, origin: str = "", host: str = HOST) -> str:
    """Fail if a connection can be had."""
    try:
        async with live(place.server, place.kept, origin, host):
            pass
    except InvalidStatus as error:
        return str(error.response.status_code)
    raise AssertionError("connected")


def message_attack(what: str, message: BackMsg) -> Attack:
    """Make an attack of a message that no page sends at such a moment."""

    async def act(place: Place) -> str:
        async with place.stranger() as me:
            await me.send(message)
            await asyncio.sleep(0.2)
            await me.open()
            await asyncio.wait_for(me.key("To be"), PATIENCE)
            assert me.errors == []
        return "the page lives"

    return Attack(f"message: {what}", act)


def frame_attack(what: str, frame: bytes | str) -> Attack:
    """Make an attack of bytes that are no message."""

    async def act(place: Place) -> str:
        async with place.stranger() as me:
            await me.socket.send(frame)
            try:
                async with asyncio.timeout(PATIENCE):
                    while True:
                        await me.socket.recv()
            except ConnectionClosed as error:
                return f"cut: {error.rcvd.code if error.rcvd else 'no code'}"

    return Attack(f"frame: {what}", act)


def state_attacks() -> Iterator[Attack]:
    """Yield forged states of the page's main component, and of other kinds than it has."""
    for case in list(forged.of_live())[::STATES]:

        def forge(me: Stranger, json: str = case.json) -> WidgetState:
            return WidgetState(id=me.ids["explore_panels"], json_value=json)

        yield state_attack(case.what, forge)
    kinds = list(forged.of_other_kinds(""))[::11]
    for what, state in kinds:

        def other(me: Stranger, state: WidgetState = state) -> WidgetState:
            made = WidgetState()
            made.CopyFrom(state)
            made.id = me.ids["explore_panels"]
            return made

        yield state_attack(what, other)


def state_attack(what: str, make: Callable[[Stranger], WidgetState]) -> Attack:
    """Make an attack of a forged state."""

    async def act(place: Place) -> str:
        async with place.stranger() as me:
            await me.forge(make(me), fragment=me.fragments["explore_panels"])
            await asyncio.wait_for(me.key("To be"), PATIENCE)
            assert me.errors == []
        return "the page lives"

    return Attack(f"state: {what}"[:70], act)
