"""A real server and a real Chromium for tests and benchmarks; nothing here asserts anything."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
QUICK = ["--js-flags=--no-maglev --no-turbofan"]
"""For pages that are looked at for some seconds: what compiles their scripts anew, to run faster, takes longer than it
saves."""
PANELS = ("map", "attention", "inspector", "prediction")
"""Panels that must show the numbers of the prompt; the prompt itself has its own."""

DEEP_QUERY = """
window.deepQuery = (selector) => {
  const found = [];
  const visit = (root) => {
    found.push(...root.querySelectorAll(selector));
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) visit(element.shadowRoot);
  };
  visit(document);
  return found;
};
"""


def chromium() -> str | None:
    """Debian's Chromium, or another one on the path."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(*arguments: str) -> Iterator[tuple[str, int]]:
    """`streamlit run app/main.py` on a free port of this machine: its address and process id."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app/main.py",
        f"--server.port={port}",
        "--server.headless=true",
    ]
    with subprocess.Popen(
        [*command, "--server.address=127.0.0.1", "--", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"},
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(url, process)
            yield url, process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def link_to(url: str, model: str | Path) -> str:
    """The address of a model, shipped or in a folder of this machine, on a server that began with another one."""
    return f"{url}/?{urllib.parse.urlencode({'model': model})}"


def wait_for(url: str, process: subprocess.Popen[bytes] | None = None, seconds: float = 90) -> None:
    """Until the server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with exit status {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    raise RuntimeError(f"no answer from {url} in {seconds} s")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def keeping_browser(*flags: str) -> Iterator[BrowserContext]:
    """A headless Chromium that keeps the scripts that it has compiled: a page takes half of the time to open."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        launched = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium(), args=[*FLAGS, *flags], viewport={"width": 1440, "height": 900}
        )
        try:
            yield launched
        finally:
            launched.close()


_FREE: list[Page] = []
"""Tabs that were put away: a page opens in one of them in two thirds of the time that it takes in a new tab."""


def open_address(
    launched: Browser | BrowserContext,
    url: str,
    width: int = 1440,
    height: int = 900,
    scheme: Any = "light",
    script: str = "",
) -> Page:
    """An address in a tab, or of a Browser in a fresh context, with a script that runs before those of the page."""
    free = [page for page in _FREE if page.context == launched and not script]
    if free:
        page = free[0]
        _FREE.remove(page)
        page.bring_to_front()  # behind another tab nothing is drawn, and what waits for a frame waits for seconds
    else:
        page = launched.new_page()
        page.add_init_script(DEEP_QUERY + script)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.goto(url)
    return page


def open_page(
    launched: Browser | BrowserContext,
    url: str,
    width: int = 1440,
    height: int = 900,
    scheme: Any = "light",
    script: str = "",
) -> Page:
    """The app in a tab, once its first numbers are drawn."""
    page = open_address(launched, url, width, height, scheme, script)
    page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
    return page


def put_away(page: Page) -> None:
    """Leave a page, and keep its tab for another one: not a tab with a script of its own, which would run there too.

    Nor one of which the browser will soon forget the first pages: it counts fifty at most.
    """
    if page.evaluate("history.length") > 30:
        page.close()
        return
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    page.mouse.move(0, 0)  # where it stands in a new tab
    page.emulate_media(reduced_motion="no-preference")
    page.set_default_timeout(30_000)
    _FREE.append(page)


def wait_until(page: Page, script: str, arg: object = None, timeout: float | None = None) -> None:
    """Until a script of the page gives something true: it is asked twenty times a second, not at each frame."""
    page.wait_for_function(script, arg=arg, polling=50, timeout=timeout)


def wait_for_text(page: Page, text: str, seconds: float = 30) -> None:
    """Until every panel has painted the numbers of this very prompt."""
    wait_until(
        page,
        """([text, panels]) => panels.every((name) => {
            const found = deepQuery(`[data-panel="${name}"]`);
            return found.length === 1 && found[0].dataset.text === text;
        })""",
        arg=[text, list(PANELS)],
        timeout=seconds * 1000,
    )


def wait_for_widgets(page: Page) -> None:
    """Until the scripts of all widgets have come: before, what is measured on the page may still move."""
    wait_until(page, "() => !document.querySelector('[data-testid=stSkeleton]')")


def wait_for_rest(page: Page) -> None:
    """Until the run that was just asked for has ended and each plot of the page is drawn."""
    page.wait_for_timeout(300)  # for its beginning
    wait_until(
        page,
        """() => document.querySelector('[data-test-script-state="notRunning"]') &&
            !document.querySelector('[data-testid="stSkeleton"]') &&
            [...document.querySelectorAll('.js-plotly-plot')].every((plot) => plot.querySelector('.main-svg'))""",
    )
    page.wait_for_timeout(200)  # for what follows a drawing


def draw_diagram(page: Page) -> None:
    """Have the map drawn as a diagram; without it, the map is strips."""
    page.get_by_role("button", name="Diagram", exact=True).click()
    page.locator("g.node").first.wait_for()


def pick_head(page: Page, layer: int, head: int) -> None:
    """Choose a head among those of all blocks."""
    page.locator('[data-panel="inspector"]').get_by_role("button", name="heads", exact=True).click()
    page.locator(f'button[data-layer="{layer}"][data-head="{head}"]').click()
    page.locator('[data-panel="inspector"] canvas.over').wait_for()
