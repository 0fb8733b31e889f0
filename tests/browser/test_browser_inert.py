"""Nothing from elsewhere: neither a browser nor the server asks another computer, whatever the files hold."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext

from app.views.markdown import JOINER
from tests.browser.driver import ROOT, chromium, open_page, wait_for, wait_for_rest
from tests.hostile_fields import MARK, MARKUP, TEXTS
from tests.lopsided import LETTERS, checkpoint_of, lopsided

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium")

LISTENS = """
import os, sys
def told(event, arguments):
    if event == "socket.connect":
        with open(os.environ["TOLD"], "a") as file:
            file.write(repr(arguments[1]) + "\\n")
sys.addaudithook(told)
"""
"""Python runs it at the start: it writes down each address that the process connects to."""


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server of elsewhere, and the requests that it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/outside", asked
        server.shutdown()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, listener: tuple[str, list[str]]) -> Path:
    """A checkpoint all of whose texts are hostile, in a folder of such a name, with a card and curves."""
    from gptcore import Checkpoint, save
    from gptcore.tokenizer import TableTokenizer

    def aimed(text: str) -> str:
        return text.replace(MARK, listener[0])

    model = lopsided()
    markup, style = aimed(MARKUP), aimed(TEXTS["style"])
    tokens = (*LETTERS[:-4], markup, style, TEXTS["turned"], TEXTS["nothing"])
    assumption: dict[str, object] = {"field": markup, "value": None, "others": [], "why": markup}
    info = {"prompt": markup + style + "abc", "revision": markup, "assumptions": [assumption], "train_config": {}}
    made = Checkpoint(model, TableTokenizer(tokens), model.config, info)
    folder = tmp_path_factory.mktemp("hostile") / "![m](x) :material:home $x^2$ `c` www.evil.example"
    save(made, folder)
    (folder / "README.md").write_text(markup + style)
    line = {"step": 0, "loss": 3.0, "val_loss": 2.0, markup: markup}
    (folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "settings.json").write_text(json.dumps({"steps": 10, "data": markup}))
    assert checkpoint_of(model).config == made.config
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, hostile: Path) -> Iterator[tuple[str, Path]]:
    """A server of the hostile model on all addresses, without room for a log; and the file of its connections."""
    place = tmp_path_factory.mktemp("listens")
    (place / "sitecustomize.py").write_text(LISTENS)
    (place / "told").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--server.port={port}", "--server.headless=true", "--server.address=0.0.0.0"]
    environment = {**os.environ, "PYTHONPATH": str(place), "TOLD": str(place / "told")}
    environment.pop("GPTSCOPE_SHARED", None)
    command = [sys.executable, "-m", "app.command", str(hostile), *options]
    with (
        open("/dev/full", "wb") as full,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=full, stderr=full) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", place / "told"
        finally:
            process.terminate()


DRAWN = """() => {
  const found = [];
  for (const each of deepQuery('a, img, script, style, svg, iframe, link, [style*="url"]')) {
    const text = each.outerHTML;
    if (text.includes('/outside') || text.includes('evil.example')) found.push(text.slice(0, 300));
  }
  for (const each of deepQuery('.katex, [data-testid="stIconMaterial"]'))
    if (/frac|^home$/.test(each.textContent)) found.push(each.outerHTML.slice(0, 300));
  return found;
}"""


def test_no_page_asks_another_computer(
    launched: BrowserContext, served: tuple[str, Path], listener: tuple[str, list[str]]
) -> None:
    """A picture in `revision` was once fetched from elsewhere."""
    url, told = served
    asked: list[str] = []
    launched.on("request", lambda request: asked.append(request.url))
    page = open_page(launched, url)
    try:
        page.wait_for_timeout(1000)  # the toast
        assert page.evaluate(DRAWN) == []
        places = ("lab", "words", "what_if", "training", "card")
        for name, place in zip(("Lab", "In words", "Sizes", "Training", "About this model"), places, strict=True):
            page.get_by_role("link", name=name, exact=True).click()
            page.wait_for_url(f"{url}/{place}**")
            wait_for_rest(page)
            assert page.evaluate(DRAWN) == [], name
        assert listener[0] in page.locator("table").first.inner_text().replace(JOINER, "")  # drawn as text
        page.get_by_role("link", name="Training").click()
        page.get_by_text("This prompt, as training sees it").first.click()
        page.wait_for_timeout(1500)
        assert page.evaluate(DRAWN) == []
        page.locator(".st-key-choose button").first.click()
        page.get_by_role("dialog").wait_for()
        page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(
            {"name": "![m](x) <img src=x>.pt", "mimeType": "application/octet-stream", "buffer": b"x"}
        )
        page.get_by_role("button", name="Open ![m]").click()
        page.get_by_text("This model could not be loaded").wait_for()
        assert page.evaluate(DRAWN) == []
        assert "could not be loaded; the present one stays" in page.get_by_role("dialog").inner_text()
    finally:
        page.close()
    elsewhere = [each for each in asked if not each.startswith((url, url.replace("http", "ws"), "data:", "blob:"))]
    assert asked
    assert elsewhere == []
    assert listener[1] == []
    assert outside(told) == []


def outside(told: Path) -> list[str]:
    """Return the addresses other than this machine's that the server has connected to.

    To know its own address in the network it "connects" without a word, by UDP, to port 1 of 8.8.8.8.
    """
    mine = ("('127.0.0.1'", "('::1'", "('localhost'", "('8.8.8.8', 1)", "'/", "b'", "'\\\\x00")
    lines = told.read_text().splitlines()
    assert lines, "nothing was written down"
    return [line for line in lines if not line.startswith(mine)]


def test_a_page_of_another_origin_is_refused_without_a_question_to_others(served: tuple[str, Path]) -> None:
    """Each such try once had the server ask for its own address elsewhere, and all others wait."""
    url, told = served
    port = int(url.rpartition(":")[2])
    for origin in ("http://evil.example", "https://share.streamlit.io"):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(
                f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
            )
            assert b" 403 " in line.recv(200)
    assert outside(told) == []


def test_no_page_of_another_origin_steers_the_app(served: tuple[str, Path]) -> None:
    from urllib.request import urlopen

    with urlopen(f"{served[0]}/_stcore/host-config") as answer:
        assert [each for each in json.load(answer)["allowedOrigins"] if each] == []
