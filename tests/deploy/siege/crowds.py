"""Many at once: guesses, slow and idle connections, pages, large files, handshakes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
from contextlib import AsyncExitStack

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.deploy.siege.odd_requests import file, line, raw, request, statuses
from tests.deploy.siege.place import Place
from tests.deploy.visiting import live


async def guesses(place: Place) -> str:
    """Guess 600 passwords."""

    def one(_: int) -> int:
        secret = base64.b64encode(b"class:guess").decode()
        answer = raw(place.server, request(place, "", f"Authorization: Basic {secret}", kept="a=b"))
        return (statuses(answer) or [0])[0]

    found = await asyncio.gather(*(asyncio.to_thread(one, i) for i in range(600)))
    assert {*found} <= {0, 401, 429} and 429 in found, {*found}
    return f"{found.count(401)} x 401, {found.count(429)} x 429"


async def held(place: Place, data: bytes, count: int, drip: bytes, seconds: float) -> str:
    """Hold so many connections, each with a byte now and then."""
    lines = list[socket.socket]()

    def begin() -> None:
        for _ in range(count):
            with contextlib.suppress(OSError):
                to = line(place.server)
                to.sendall(data)
                lines.append(to)

    await asyncio.to_thread(begin)
    try:
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            for to in list(lines):
                try:
                    to.sendall(drip)
                except OSError:
                    lines.remove(to)
                    to.close()
        return f"{len(lines)} of {count} held"
    finally:
        for to in lines:
            to.close()


async def slow_headers(place: Place) -> str:
    """Send requests a header a second: they are ended by time."""
    found = await held(place, request(place, "")[:-2], 300, b"X-A: b\r\n", 16)
    assert found.startswith("0 of"), found
    return found


async def slow_files(place: Place) -> str:
    """Send files a byte a second."""
    whole = file(place, "none", "f", b"x" * 1_000_000)
    return await held(place, whole[:2_000], 60, b"x", 6)


async def slow_readers(place: Place) -> str:
    """Ask for the page's scripts, and read nothing."""
    return await held(place, request(place, ""), 200, b"", 4)


async def too_many_pages(place: Place) -> str:
    """Open live connections until there are no more to be had, and a few over."""
    refused = 0
    async with AsyncExitStack() as stack:
        for _ in range(230):
            try:
                await stack.enter_async_context(live(place.server, place.kept))
            except (InvalidStatus, ConnectionClosed, OSError):
                refused += 1
    assert 20 <= refused <= 40, refused
    await asyncio.sleep(1)
    return f"{refused} of 230 refused"


async def pages_at_once(place: Place) -> str:
    """Have forty pages drawn at once, and leave."""

    async def one() -> None:
        async with live(place.server, place.kept) as to:
            message = BackMsg()
            message.rerun_script.query_string = ""
            await to.send(message.SerializeToString())
            await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(40)))
    return "40 opened"


async def large_files(place: Place) -> str:
    """Send sixteen files of the largest size at once."""
    size = int(place.server.environment.get("GPTSCOPE_UPLOAD_MB", "256")) * 2**20 - 1000

    def one(session: str, number: int) -> int:
        whole = file(place, session, f"f{number}", b"@")
        begin, _, end = whole.rpartition(b"@")
        told = re.search(rb"Content-Length: (\d+)", begin)
        assert told is not None
        begin = begin.replace(told[0], b"Content-Length: %d" % (int(told[1]) - 1 + size))
        answer = b""
        with contextlib.suppress(OSError), line(place.server, seconds=90) as to:
            to.sendall(begin)
            for _ in range(size // 2**20):
                to.sendall(bytes(2**20))
            to.sendall(bytes(size % 2**20) + end)
            answer = to.recv(65536)
        return (statuses(answer) or [0])[0]

    async with place.stranger() as me:
        found = await asyncio.gather(*(asyncio.to_thread(one, me.session, number) for number in range(16)))
    assert {*found} <= {0, 204, 413, 503}, found
    assert 204 in found and 503 in found, found
    return ", ".join(f"{found.count(each)} x {each}" for each in sorted({*found}))


async def handshakes(place: Place) -> str:
    """Begin 300 handshakes of TLS and end none."""

    def one(_: int) -> None:
        with contextlib.suppress(OSError):
            line(place.server).close()

    await asyncio.gather(*(asyncio.to_thread(one, i) for i in range(300)))
    return "300"
