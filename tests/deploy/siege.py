"""About a hundred attacks through the front, while others type: `python -m tests.deploy.siege [--composed]`.

Each attack must be refused, or answered as any visitor is. Measured are the longest waits meanwhile of three others:
two that speak as pages do, one of them with the attackers' own process, and a page in Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
import socket
import ssl
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gptcore import GPTConfig
from tests.app import forged
from tests.app.stranger import Stranger
from tests.app.test_forged_frames import FRAMES, MESSAGES
from tests.benchmarks.denials import LETTERS, WAIT, Attacker, model_of
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import DEEP_QUERY, browser, wait_for_text
from tests.browser.test_browser_models import upload
from tests.deploy import composed, front
from tests.deploy.front import HOST, PASSWORD, TRUSTING, USER, Front
from tests.deploy.visiting import cookies, header, live
from tests.hostile import call, text

PATIENCE = 30.0
STATES = 173
"""The siege takes each so manieth forged state of the main component: a prime, so that it meets other values."""
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


# ---- Requests that no browser sends ----------------------------------------------------------------------------------


def raw(server: Front, data: bytes, tls: bool = True, seconds: float = 10, most: int = 300_000) -> bytes:
    """Send bytes, and return what comes until the connection ends or nothing comes any more."""
    answer = b""
    with contextlib.suppress(OSError), line(server, tls, seconds) as to:
        to.sendall(data)
        while len(answer) < most and (part := to.recv(65536)):
            answer += part
            if b"\r\n\r\n" in answer:
                to.settimeout(0.3)
    return answer


def line(server: Front, tls: bool = True, seconds: float = 10) -> socket.socket:
    """Connect to the front."""
    plain = socket.create_connection(("127.0.0.1", server.https if tls else server.http), timeout=seconds)
    return TRUSTING.wrap_socket(plain, server_hostname=HOST) if tls else plain


def request(
    place: Place,
    path: str,
    *lines: str,
    method: str = "GET",
    body: bytes = b"",
    host: str | None = HOST,
    kept: str = "",
) -> bytes:
    """Write a request with the attackers' cookies, or others, in which @ stands for their pass.

    Its path begins after the prefix, or is written as it is.
    """
    full = path if path.startswith(("/", "http", "*")) else f"{place.server.prefix}/{path}"
    sent = kept.replace("@", place.kept["gptscope_pass"]) or header(place.kept)
    head = [f"{method} {full} HTTP/1.1", f"Cookie: {sent}", "Connection: close", *lines]
    if host is not None:
        head.insert(1, f"Host: {host}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer that came over one connection."""
    return [int(each) for each in re.findall(rb"(?:^|\n|\})HTTP/1\.1 (\d{3})", answer)]


def asking(what: str, make: Callable[[Place], bytes], *good: int, tls: bool = True) -> Attack:
    """Make an attack of one request: one answer at most, of these statuses (0: none), that tells nothing."""

    async def act(place: Place) -> str:
        answer = await asyncio.to_thread(raw, place.server, make(place), tls)
        found = statuses(answer) or [0]
        assert len(found) == 1 and found[0] in good, f"{found} {answer[:200]!r}"
        assert not SECRETS.search(answer), answer[:400]
        return str(found[0])

    return Attack(what, act)


def sent(path: str, *lines: str, **more: Any) -> Callable[[Place], bytes]:
    """Return what writes a request, once the attackers have their cookies."""
    return lambda place: request(place, path, *lines, **more)


def paths() -> Iterator[Attack]:
    """Yield addresses that lead outside, or to what is closed."""
    outside = (
        "/gptscope/../../../etc/passwd",
        "/gptscope/%2e%2e/%2e%2e/etc/passwd",
        "/gptscope/static/..%2f..%2f..%2fetc%2fpasswd",
        "/gptscope/static/....//....//etc/passwd",
        "/gptscope/media/../../../../etc/passwd",
        "/gptscope/%5c..%5c..%5cetc/passwd",
        "/gptscope/component/x/../../../etc/passwd",
        "/gptscope/app/static/../../../proc/1/environ",
        "/gptscope//etc/passwd",
        "/etc/gptscope/env",
        "/.well-known/acme-challenge/../../etc/passwd",
        "/gptscope/_stcore/bidi-components/../../etc/passwd",
    )
    for path in outside:
        yield asking(f"path {path}", sent(path), 200, 400, 403, 404)
    for path in (
        *("metrics", "%6detrics", "./metrics", "x/../metrics", "/metrics", "metrics/", "metrics%2f", "METRICS"),
        *("metrics?families=session_events", "metrics;x", "script-health-check", "agent/openapi.json"),
    ):
        yield asking(f"closed {path}", sent(f"/gptscope/_stcore/{path}"), 200, 403, 404, 405)


CHUNKED = "Transfer-Encoding: chunked"
INNER = b"0\r\n\r\nGET /gptscope/_stcore/metrics HTTP/1.1\r\nHost: class.localhost\r\n\r\n"
"""The end of a body, and a request that must not be answered."""


def post(*lines: str, body: bytes = INNER, path: str = "") -> Callable[[Place], bytes]:
    """Return what writes a request with a body."""
    return sent(path, *lines, method="POST", body=body)


def requests() -> Iterator[Attack]:
    """Yield requests that are wrong in themselves."""
    yield asking("a length and chunks", post("Content-Length: 6", CHUNKED), 400)
    yield asking("two lengths", post("Content-Length: 0", "Content-Length: 90"), 400)
    yield asking("a negative length", post("Content-Length: -1"), 400)
    yield asking("a length beyond 64 bits", post(f"Content-Length: {2**70}"), 400, 413)
    yield asking("chunks, spelt oddly", post("Transfer-Encoding: xchunked"), 400, 501)
    yield asking("chunks, twice", post(CHUNKED, "Transfer-Encoding: x"), 400, 501)
    yield asking("a chunk of 2^64 bytes", post(CHUNKED, body=b"ffffffffffffffff1\r\n"), 0, 400, 413)
    many = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 40 + b"0\r\n\r\n"
    yield asking("chunks, more than a page may send", post(CHUNKED, body=many, path="_stcore/health"), 0, 400, 413)
    yield asking("a blank before the colon", sent("", "X-A : b"), 400)
    yield asking("a zero byte in a header", sent("", "X-A: b\x00c"), 400)
    yield asking("a header of 40,000 bytes", sent("", f"X-A: {'a' * 40_000}"), 400, 431)
    yield asking("an address of 40,000 bytes", sent("?" + "a" * 40_000), 414)
    yield asking("2,000 headers", sent("", *(f"X-{i}: {i}" for i in range(2_000))), 0, 200, 400, 431)

    yield asking("no host", sent("", host=None), 400)
    yield asking("two hosts", sent("", "Host: other.localhost"), 400)
    yield asking("another host", sent("", host="other.localhost"), 421)
    yield asking("a host that is an address", sent("", host="127.0.0.1"), 421)
    yield asking("a host with a path", sent("", host=f"{HOST}/../x"), 400, 421)
    yield asking("a whole address of another host", sent("http://other.localhost/gptscope/"), 400, 421)
    forwarded = ("X-Forwarded-Host: other.localhost", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1")
    yield asking("forwarded names", sent("", *forwarded, "X-Forwarded-Proto: http"), 200)

    for method in ("TRACE", "PROPFIND"):
        yield asking(method, sent("", method=method), 405)
    yield asking("CONNECT", sent("app1:8501", method="CONNECT"), 400, 405)
    yield asking("PUT of a page", sent("", "Content-Length: 3", method="PUT", body=b"abc"), 403, 404, 405)
    long = post("Content-Length: 60000", body=b"x" * 60_000, path="_stcore/health")
    yield asking("60,000 bytes to the health check", long, 403, 404, 405)
    yield asking("a large body for a page", post("Content-Length: 70000", body=b"x" * 70_000, path="words"), 413)
    yield asking("HTTP/2 without TLS", sent("", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), 200)
    handshake = ("Upgrade: websocket", "Sec-WebSocket-Version: 99", "Sec-WebSocket-Key: x")
    yield asking("a websocket of a version that is none", sent("_stcore/stream", *handshake), 400, 403, 404, 426)
    yield asking("a thousand ranges", sent("", "Range: bytes=" + ",".join(["0-"] * 1_000)), 200, 206, 400, 416)
    yield asking("bytes that are no request", lambda _: bytes(range(256)) * 40, 400, 0)
    yield asking("HTTP/0.9", lambda _: b"GET /gptscope/\r\n\r\n", 0, 400)
    yield asking("HTTP/9.9", lambda _: b"GET /gptscope/ HTTP/9.9\r\nHost: class.localhost\r\n\r\n", 400, 505)

    for process in ("9999", "8501%0d%0aX-A:b", "127.0.0.1:22"):
        yield asking(f"the process {process}", sent("", kept=f"gptscope_pass=@; gptscope_process={process}"), 200)
    for forged_pass in (f"gptscope_pass={'0' * 32}", "gptscope_pass=@x", "gptscope_pass=", "gptscope_pass=x; a=@"):
        yield asking(f"the pass {forged_pass[14:30]}", sent("", kept=forged_pass), 401)
    for what, secret in (("empty", b"class:"), ("6,000 bytes", b"class:" + b"x" * 4_500), ("no name", b":")):
        basic = base64.b64encode(secret).decode()
        yield asking(f"a password: {what}", sent("", f"Authorization: Basic {basic}", kept="a=b"), 401)
    yield asking("a password that is no base64", sent("", "Authorization: Basic ====", kept="a=b"), 401)

    put = sent("_stcore/upload_file/a/b", "Content-Length: 3", method="PUT", body=b"abc")
    yield asking("a file without the token of the page", put, 400, 403)
    yield asking("a file for a session that there is none of", lambda place: file(place, "none", "f", b"x"), 400)
    yield asking("a file by a path", lambda place: file(place, "..%2f..%2fdata", "..%2fx", b"x"), 400, 404)
    large = sent("_stcore/upload_file/a/b", "Content-Length: 999999999", method="PUT")
    yield asking("a file larger than allowed, by its length", large, 413)

    yield asking("without TLS", sent(""), 301, tls=False)
    yield asking("without TLS, by another name", sent("", host="other.localhost"), 421, tls=False)
    yield Attack("a protocol of old: TLS 1.1", old_protocol)
    yield Attack("noise instead of a handshake", noise)


def file(place: Place, session: str, name: str, content: bytes) -> bytes:
    """Write a request that sends a file, with the token that the page has."""
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../x.pt"\r\n\r\n'
    body = head + content + b"\r\n--b--\r\n"
    kept = f"{header(place.kept)}; _streamlit_xsrf={place.kept['_streamlit_xsrf']}"
    lines = (
        "Content-Type: multipart/form-data; boundary=b",
        f"X-Xsrftoken: {place.kept['_streamlit_xsrf']}",
        f"Content-Length: {len(body)}",
    )
    return request(place, f"_stcore/upload_file/{session}/{name}", *lines, method="PUT", body=body, kept=kept)


async def old_protocol(place: Place) -> str:
    """Speak TLS 1.1."""
    context = ssl._create_unverified_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with socket.create_connection(("127.0.0.1", place.server.https), timeout=10) as plain:
            context.wrap_socket(plain, server_hostname=HOST)
    except (ssl.SSLError, OSError) as error:
        return type(error).__name__
    raise AssertionError("TLS 1.1 was spoken")


async def noise(place: Place) -> str:
    """Send no TLS at all."""

    def act() -> bytes:
        with socket.create_connection(("127.0.0.1", place.server.https), timeout=10) as to:
            to.sendall(b"\x16\x03\x01\xff\xff" + bytes(range(256)) * 64)
            to.settimeout(3)
            try:
                return to.recv(1000)
            except OSError:
                return b""

    answer = await asyncio.to_thread(act)
    assert b"HTTP/1.1 2" not in answer
    return "closed"


# ---- Many at once ----------------------------------------------------------------------------------------------------


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


# ---- Over a live connection ------------------------------------------------------------------------------------------


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
        yield state_attack(case.what, lambda me, case=case: WidgetState(id=me.ids["live"], json_value=case.json))  # type: ignore[misc]
    kinds = list(forged.of_other_kinds(""))[::11]
    for what, state in kinds:

        def other(me: Stranger, state: WidgetState = state) -> WidgetState:
            made = WidgetState()
            made.CopyFrom(state)
            made.id = me.ids["live"]
            return made

        yield state_attack(what, other)


def state_attack(what: str, make: Callable[[Stranger], WidgetState]) -> Attack:
    """Make an attack of a forged state."""

    async def act(place: Place) -> str:
        async with place.stranger() as me:
            await me.forge(make(me), fragment=me.fragments["live"])
            await asyncio.wait_for(me.key("To be"), PATIENCE)
            assert me.errors == []
        return "the page lives"

    return Attack(f"state: {what}"[:70], act)


# ---- Work ------------------------------------------------------------------------------------------------------------


async def long_text(place: Place) -> str:
    """Type 0.9 MB."""
    async with place.attacker() as me:
        return (await me.type("to be or not to be " * 47_000))[:60]


async def longer_text(place: Place) -> str:
    """Type 10 MB."""
    async with place.attacker() as me:
        try:
            await me.type("to be or not to be " * 525_000)
        except ConnectionClosed as error:
            return f"cut: {error.rcvd.code if error.rcvd else 'no code'}"
    raise AssertionError("a message of 10 MB was read")


async def emptied_caches(place: Place) -> str:
    """Empty the caches of all, eight times."""
    async with place.attacker() as me:
        for _ in range(8):
            await me.empty_caches()
    return "the page lives"


async def keys_in_a_hurry(place: Place) -> str:
    """Send 400 keys without waiting for an answer, from five pages."""

    async def one() -> None:
        async with place.stranger() as me:
            rev = me.data["live"]["panels"]["prompt"]["rev"]
            for seq in range(1, 81):
                prompt = {"text": "once upon a time " * 6 + "a" * (seq % 40), "seq": seq, "rev": rev}
                message = BackMsg()
                state = WidgetState(id=me.ids["live"], json_value=json.dumps({"prompt": prompt}))
                message.rerun_script.widget_states.widgets.append(state)
                message.rerun_script.fragment_id = me.fragments["live"]
                await me.send(message)
            await asyncio.sleep(3)

    await asyncio.gather(*(one() for _ in range(5)))
    return "400 sent"


async def whole_pages_in_a_hurry(place: Place) -> str:
    """Have the page drawn 200 times without reading, and hang up."""
    async with place.stranger() as me:
        message = BackMsg()
        message.rerun_script.query_string = "prompt=once+upon+a+time"
        for _ in range(200):
            await me.send(message)
        await asyncio.sleep(2)
    return "200 asked for"


async def every_model(place: Place) -> str:
    """Open each shipped model by its address, and one that is a path."""
    async with place.stranger() as me:
        for model in ("nano-sort", "shakespeare-char", "two-names", "induction", "/etc", "../../etc/passwd", "gpt2"):
            await me.open(f"model={model}&prompt=a")
        assert me.errors == []
    return "the page lives"


def attacks() -> list[Attack]:
    """Return all attacks but the files, in their order."""
    return [
        *paths(),
        *requests(),
        Attack("a live connection of another origin", foreign_origin),
        Attack("a live connection by another name", foreign_host),
        Attack("a live connection without a password", no_pass),
        *(message_attack(what, message) for what, message in MESSAGES.items()),
        *(frame_attack(what, frame) for what, frame in FRAMES.items()),
        *state_attacks(),
        Attack("0.9 MB typed", long_text),
        Attack("10 MB typed", longer_text),
        Attack("the caches of all emptied, eight times", emptied_caches),
        Attack("keys in a hurry", keys_in_a_hurry),
        Attack("whole pages in a hurry", whole_pages_in_a_hurry),
        Attack("every model, and paths", every_model),
        Attack("forty pages at once", pages_at_once),
        Attack("more pages than an address may have", too_many_pages),
        Attack("slow headers", slow_headers),
        Attack("slow files", slow_files),
        Attack("slow readers", slow_readers),
        Attack("sixteen of the largest files at once", large_files),
        Attack("300 handshakes", handshakes),
        Attack("600 guesses of the password", guesses),
    ]


# ---- Files, dropped on a page ----------------------------------------------------------------------------------------


def files(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Write files that a visitor should not have opened, or that ask for too much."""

    def one(name: str, content: bytes) -> list[Path]:
        (folder / name).write_bytes(content)
        return [folder / name]

    yield "a pickle that runs a command", one("a.pt", b"\x80\x02" + call("os.system", text("touch /data/taken")) + b".")
    yield "a pickle of old that reads a file", one("b.pt", b"cbuiltins\neval\n(Vopen('/etc/passwd').read()\ntR.")
    yield "a header of 2^60 bytes", one("c.safetensors", (2**60).to_bytes(8, "little") + b"{}")
    yield "a table of 4 GB in a file of 100 bytes", one("d.safetensors", _promise())
    yield "30 MB of noise", one("e.pt", bytes(range(256)) * 120_000)
    yield "a web page", one("f.pt", b"<!doctype html><script>alert(1)</script>")
    yield "a deep config", one("config.json", b"[" * 200_000)
    for what, config in (
        ("a context of 60,000", GPTConfig(60_000, len(LETTERS), 1, 4, 4)),
        ("400,000 tokens in the vocabulary", GPTConfig(4096, 400_000, 1, 1, 4)),
    ):
        with model_of(config) as made:
            inside = sorted(path for path in Path(made).iterdir() if path.suffix in (".safetensors", ".json", ".txt"))
            yield what, inside


def _promise() -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}).encode()
    return len(head).to_bytes(8, "little") + head


def drop(page: Page, paths: list[Path]) -> str:
    """Drop files on a page; return what it says then."""
    upload(page, *paths)
    page.wait_for_function(
        """() => !document.querySelector('[data-testid="stFileUploader"]')
            || [...document.querySelectorAll('[data-testid="stAlert"]')].some((each) => each.textContent)""",
        timeout=90_000,
    )
    told = page.locator('[data-testid="stAlert"]')
    said = told.first.inner_text() if told.count() else "opened"
    page.keyboard.press("Escape")
    return " ".join(said.split())[:60]


# ---- The others ------------------------------------------------------------------------------------------------------


@dataclass
class Siege:
    """The end of each attack, and how long the others waited."""

    done: list[tuple[str, str, float, float]] = field(default_factory=list)
    """An attack, what became of it, and its beginning and end."""
    wrong: list[str] = field(default_factory=list)
    keys: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """The beginning and the seconds of each key of each of the others."""
    struck = False
    over = False

    def longest(self, who: str, begin: float = 0, end: float = float("inf")) -> float:
        """Return the longest wait of one of the others for a key that was pressed meanwhile."""
        times = [took for at, took in self.keys[who] if begin <= at + took and at <= end]
        return max(times, default=0.0)

    def strike(self, what: str, found: str, begin: float) -> None:
        """Write down an attack that has ended, and tell it."""
        end = time.monotonic()
        self.done.append((what, found, begin, end))
        waits = ", ".join(f"{self.longest(who, begin, end):.2f}" for who in self.keys)
        print(f"| {what} | {found} | {end - begin:.1f} s | {waits} |", flush=True)


async def typing(siege: Siege, who: str, server: Front, kept: Mapping[str, str]) -> None:
    """Type a key now and then until it is over."""
    async with live(server, kept) as to:
        other = Attacker(to)
        await other.open()
        siege.keys[who] = []
        while not siege.over:
            begin = time.monotonic()
            await other.type("once upon a time"[: 3 + len(siege.keys[who]) % 13])
            siege.keys[who].append((begin, time.monotonic() - begin))
            await asyncio.sleep(0.3)


async def besiege(siege: Siege, server: Front, chosen: str) -> None:
    """Let the others type, and strike."""
    own = {**await asyncio.to_thread(cookies, server), "_streamlit_xsrf": await asyncio.to_thread(token, server)}
    elsewhere = next(str(port) for port in server.ports if str(port) != own["gptscope_process"])
    same = {name: own[name] for name in ("gptscope_pass", "gptscope_process")}
    others = [
        asyncio.create_task(typing(siege, "the same process", server, same)),
        asyncio.create_task(typing(siege, "another process", server, {**same, "gptscope_process": elsewhere})),
    ]
    place = Place(server, own)
    while not len(siege.keys) >= 2:
        await asyncio.sleep(0.1)
        for each in others:
            if each.done():
                each.result()
    await asyncio.sleep(4)
    for attack in attacks():
        if chosen not in attack.what:
            continue
        begin = time.monotonic()
        try:
            found = await attack.act(place)
        except Exception as error:  # a hole is told, and the siege goes on
            found = f"WRONG: {type(error).__name__}: {error}"[:300]
            siege.wrong.append(f"{attack.what}: {found}")
        siege.strike(attack.what, found, begin)
    siege.struck = True
    await asyncio.gather(*others)


def token(server: Front) -> str:
    """Return the token with which a page sends files."""
    said = str(server.ask("_stcore/health").headers.get_all("Set-Cookie"))
    return re.findall(r"_streamlit_xsrf=([^;]+)", said)[0]


def run(server: Front, chrome: Browser, chosen: str = "") -> Siege:
    """Besiege a server, with a page in Chromium."""
    siege = Siege()
    outside: list[BaseException] = []

    def apart() -> None:
        try:
            asyncio.run(besiege(siege, server, chosen))
        except BaseException as error:  # told by the thread that waits
            outside.append(error)
            siege.struck = True

    thread = threading.Thread(target=apart)
    with ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(lambda: setattr(siege, "over", True))
        person = stack.enter_context(
            chrome.new_context(ignore_https_errors=True, http_credentials={"username": USER, "password": PASSWORD})
        )
        person.add_init_script(DEEP_QUERY)
        page = person.new_page()
        page.goto(server.address)
        page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
        siege.keys["Chromium"] = []

        def key() -> None:
            begin = time.monotonic()
            text = "once upon a time"[: 3 + len(siege.keys["Chromium"]) % 13]
            page.locator("[data-role=prompt]").fill(text)
            wait_for_text(page, text, seconds=60)
            siege.keys["Chromium"].append((begin, time.monotonic() - begin))

        for _ in range(5):
            key()
        siege.keys["Chromium"].clear()
        thread.start()
        while not siege.struck:
            key()
            page.wait_for_timeout(1000)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        other = stack.enter_context(
            chrome.new_context(ignore_https_errors=True, http_credentials={"username": USER, "password": PASSWORD})
        )
        other.add_init_script(DEEP_QUERY)
        own = other.new_page()
        own.goto(server.address)
        own.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
        for what, made in files(folder):
            if chosen not in what or outside:
                continue
            begin = time.monotonic()
            found = drop(own, made)
            siege.strike(f"file: {what}", found, begin)
            key()
        errors = page.locator('[data-testid="stException"]').count()
        if errors:
            siege.wrong.append(f"{errors} errors on the other's page")
    if outside:
        raise outside[0]
    return siege


def main() -> int:
    """Print a line for each attack and bound; the exit status is 1 if one went through or a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--composed", action="store_true", help="the composition under Docker, not processes beside nginx"
    )
    parser.add_argument("--only", default="", help="words of the attacks to run")
    options = parser.parse_args()
    lacking = front.missing() or (composed.missing() if options.composed else "")
    if lacking:
        parser.error(lacking)
    with tempfile.TemporaryDirectory() as folder, browser() as chrome, absolute():
        started = composed.composed(Path(folder)) if options.composed else front.front(Path(folder))
        print("| attack | what became of it | took | longest waits of the others, s |\n|---|---|---|---|")
        with started as server:
            siege = run(server, chrome, options.only)
    print("\n| what | measured | bound | | detail |\n|---|---|---|---|---|")
    good = report("attacks that went through", len(siege.wrong), 0, f"of {len(siege.done)}")
    for who, times in siege.keys.items():
        good &= report(f"{who}: longest wait, s", siege.longest(who), WAIT, f"{len(times)} keys")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
