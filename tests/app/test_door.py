"""The door of a real server, as the command starts it: a wrong name is told, what no page asks for is closed."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit import config

from app.guard import door
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


def status_at(path: str, host: str, *, shared: bool) -> int:
    """Return the status with which the door answers; 200 for what it lets in."""
    sent: list[Any] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"host", host.encode())]}
    asyncio.run(door.Door(inside, lambda: shared)(scope, None, send))  # type: ignore[arg-type]
    return int(sent[0]["status"])


@pytest.mark.parametrize("prefix", ["", "/a/b"])
def test_who_is_let_in(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_config_options", None)
    config.set_option("server.baseUrlPath", prefix)
    config.set_option("server.allowedHosts", ["class.test"])
    for path, host, shared, status in (
        ("/", "class.test", True, 200),
        ("/lab", "other.test", True, 400),
        ("/_stcore/health", "other.test", True, 200),
        ("/_stcore/metrics", "class.test", True, 404),
        ("/_stcore/metrics", "class.test", False, 200),
        ("/_stcore/metrics", "other.test", False, 400),
    ):
        assert status_at(prefix + path, host, shared=shared) == status, (path, host)


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
