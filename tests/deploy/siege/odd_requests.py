"""Requests that no browser sends: paths, headers, bodies, methods, files put by hand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tests.deploy.front import HOST, TRUSTING, Front
from tests.deploy.siege.place import SECRETS, Attack, Place
from tests.deploy.visiting import header


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
