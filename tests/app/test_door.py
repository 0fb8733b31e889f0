"""The door of a real server, as the command starts it: a wrong name is told, what no page asks for is closed."""

from __future__ import annotations

import asyncio
import http.client
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit import config

from app.guard import coming, door
from app.stores.settings import PAGES
from tests.app.stranger import finished
from tests.browser.driver import ROOT, free_port, wait_for


@contextmanager
def started(*options: str, prefix: str = "", **settings: str) -> Iterator[int]:
    """A server of `gptscope` with these options and settings: its port."""
    port = free_port()
    command = [sys.executable, "-m", "app.command", "nano-sort", f"--server.port={port}", "--server.headless=true"]
    environment = {**os.environ, **settings}
    with subprocess.Popen(
        [*command, *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}{prefix}", process)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def ask(port: int, path: str, host: str = "localhost", **headers: str) -> tuple[int, str, str]:
    """Return the status, kind and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": host, **headers})
    found = connection.getresponse()
    text = found.read().decode("utf-8", "replace")
    connection.close()
    return found.status, str(found.getheader("Content-Type")).partition(";")[0], text


class Inside:
    """An application; a live connection stays open until it is let go."""

    def __init__(self) -> None:
        self.stay = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        if scope["type"] == "websocket":
            await self.stay.wait()


async def status_at(at: door.Door, path: str, host: str = "class.test", kind: str = "http", client: str = "a") -> int:
    """Return the status with which the door answers; 200 for what it lets in, 0 for what it closes."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", host.encode())]
    scope = {"type": kind, "method": "GET", "path": path, "headers": headers, "client": (client, 1)}
    await at(scope, None, send)  # type: ignore[arg-type]
    return int(sent[0].get("status", 0))


@pytest.fixture
def class_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_config_options", None)
    config.set_option("server.allowedHosts", ["class.test"])


@pytest.mark.parametrize("prefix", ["", "/a/b"])
def test_who_is_let_in(prefix: str, class_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.baseUrlPath", prefix)
    for path, host, shared, status in (
        ("/", "class.test", "1", 200),
        ("/lab", "other.test", "1", 400),
        ("/_stcore/health", "other.test", "1", 200),
        ("/_stcore/metrics", "class.test", "1", 404),
        ("/_stcore/metrics", "class.test", "0", 200),
        ("/_stcore/metrics", "other.test", "0", 400),
    ):
        monkeypatch.setenv("GPTSCOPE_SHARED", shared)
        assert finished(status_at(door.Door(Inside()), prefix + path, host)) == status, (path, host)


def test_an_address_has_so_many_pages(class_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    monkeypatch.setenv(PAGES.name, "3")

    async def comes_and_goes() -> None:
        inside = Inside()
        at = door.Door(inside)
        pages = [asyncio.create_task(status_at(at, "/_stcore/stream", kind="websocket")) for _ in range(3)]
        await asyncio.sleep(0)
        assert await status_at(at, "/_stcore/stream", kind="websocket") == 0
        assert await status_at(at, "/") == 429
        assert await status_at(at, "/static/some.js") == 200  # of a page that is open
        assert await status_at(at, "/", client="b") == 200
        inside.stay.set()
        assert await asyncio.gather(*pages) == [200] * 3
        assert await status_at(at, "/") == 200
        assert not at._open

    finished(comes_and_goes())


def test_so_many_bytes_of_files_are_on_their_way(class_server: None) -> None:
    config.set_option("server.maxUploadSize", 1)
    inside = Inside()

    async def put(at: door.Door, length: bytes | None, method: str = "PUT", path: str = door.FILES + "a/b") -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"class.test"), *([(b"content-length", length)] if length is not None else [])]
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "client": ("a", 1)}
        await at(scope, None, send)  # type: ignore[arg-type]
        return int(sent[0]["status"])

    async def come_at_once() -> None:
        stay = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await inside(scope, receive, send)
            await stay.wait()

        at = door.Door(slow)
        coming = [asyncio.create_task(put(at, length)) for length in (b"1048000", None, b"1000000")]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):  # one that is let in waits
            assert await put(at, b"1000000") == await put(at, b"9" * 30) == 503
        others = [
            asyncio.create_task(each)
            for each in (put(at, None, "DELETE"), put(at, b"1000000", "POST", "/lab"), put(at, b"9000"))
        ]
        await asyncio.sleep(0)
        stay.set()
        assert await asyncio.gather(*coming, *others) == [200] * 6
        assert await put(at, b"1000000") == 200

    finished(come_at_once())


def test_a_file_that_hardly_moves_gives_way_to_the_next(class_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.maxUploadSize", 1)
    now = [0.0]
    monkeypatch.setattr(coming, "time", SimpleNamespace(monotonic=lambda: now[0]))
    scope: Any = {"type": "http", "method": "PUT", "headers": [(b"content-length", b"1048576")]}

    async def reads(at: coming.Coming, wire: asyncio.Queue[bytes]) -> str:
        """A file that is read as Streamlit reads it, until it is whole or its sender has gone."""

        async def receive() -> Any:
            body = await wire.get()
            return {"type": "http.request", "body": body, "more_body": bool(body)}

        with at.room(scope) as file:
            if file is None:
                return "refused"
            while (message := await file.receive(receive))["type"] == "http.request":
                if not message["more_body"]:
                    return "whole"
            return "cut"

    async def come() -> None:
        at, wires = coming.Coming(), [asyncio.Queue[bytes]() for _ in range(4)]
        files = [asyncio.create_task(reads(at, wire)) for wire in wires[:3]]
        await asyncio.sleep(0)
        assert await reads(at, wires[3]) == "refused"  # all three have just begun
        for wire, part in zip(wires, (1_000_000, 1_000, 600_000), strict=False):
            wire.put_nowait(bytes(part))
        for _ in range(10):
            await asyncio.sleep(0)
        now[0] = coming.PATIENCE + 1
        with at.room(scope | {"headers": [(b"content-length", b"9000000")]}) as file:
            assert file is None and len(at._files) == 3  # none is cut for one that has no room all the same
        last = asyncio.create_task(reads(at, wires[3]))
        assert await files[1] == "cut"
        assert await reads(at, asyncio.Queue()) == "refused"  # the two others move, the last has just begun
        for wire in wires:
            wire.put_nowait(b"")
        assert [await each for each in (files[0], files[2], last)] == ["whole"] * 3
        assert not at._files

    finished(asyncio.wait_for(come(), 20))


def test_no_class_meets_the_number_of_pages(class_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGES.name, raising=False)
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    assert door._pages() == float(PAGES.shared) > 100
    monkeypatch.setenv("GPTSCOPE_SHARED", "0")
    assert door._pages() == math.inf


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with started(GPTSCOPE_SHARED="1") as port:
        yield port


@pytest.mark.parametrize("path", ["/", "/lab", "/?prompt=a", "/static/nothing.js", "/_stcore/host-config", "/media/a"])
def test_a_wrong_name_is_told_in_a_sentence(server: int, path: str) -> None:
    status, kind, text = ask(server, path, "evil.example:80")
    assert (status, kind) == (400, "text/plain")
    assert text.startswith(
        "This server is not known by the name in your address.\nIt answers to: localhost, 127.0.0.1."
    )
    assert "evil.example" not in text
    assert ask(server, "/", "localhost:1")[:2] == (200, "text/html")
    assert ask(server, "/lab", "127.0.0.1")[:2] == (200, "text/html")


def test_who_looks_after_it_asks_for_its_health_by_any_name(server: int) -> None:
    assert ask(server, "/_stcore/health", "app1:8501") == (200, "text/plain", "ok")


def test_the_live_connection_is_refused_by_a_wrong_name(server: int) -> None:
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert ask(server, "/_stcore/stream", "evil.example", **handshake)[0] == 403
    assert ask(server, "/_stcore/stream", "localhost", **handshake)[0] == 101


def test_a_shared_server_tells_nothing_of_itself(server: int) -> None:
    for path in (*door.CLOSED, "/_stcore/agent/openapi.json", "/_stcore/metrics?families=session_events"):
        assert ask(server, path)[:2] == (404, "text/plain"), path


def test_below_a_prefix_by_names_of_one_s_own() -> None:
    options = ("--server.baseUrlPath=/a/b", "--server.allowedHosts=class.example.org", "--server.allowedHosts=*.test")
    with started(*options, prefix="/a/b") as port:
        assert ask(port, "/a/b/", "class.example.org")[0] == 200
        assert ask(port, "/a/b/", "room1.test")[0] == 200
        status, _, text = ask(port, "/a/b/", "localhost")
        assert status == 400 and "It answers to: class.example.org, *.test." in text
        assert ask(port, "/a/b/_stcore/metrics", "class.example.org")[0] == 404  # shared, as others can reach it


def test_one_s_own_server_keeps_streamlit_s_numbers() -> None:
    with started(GPTSCOPE_SHARED="0") as port:
        assert ask(port, "/_stcore/metrics")[0] == 200
