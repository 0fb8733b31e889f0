"""The siege itself: others type, the attackers strike, and the waits of the others are measured."""

from __future__ import annotations

import asyncio
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.benchmarks.denials import Attacker
from tests.browser.driver import DEEP_QUERY, wait_for_text
from tests.deploy.front import PASSWORD, USER, Front
from tests.deploy.siege.dropped import drop, files
from tests.deploy.siege.every_attack import attacks
from tests.deploy.siege.place import Place
from tests.deploy.visiting import cookies, live


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


@contextmanager
def opened(server: Front, chrome: Browser) -> Iterator[Page]:
    """Open the page as somebody who knows the password, in a browser of their own."""
    known = {"username": USER, "password": PASSWORD}
    person = chrome.new_context(ignore_https_errors=True, http_credentials=known)  # type: ignore[arg-type]
    try:
        person.add_init_script(DEEP_QUERY)
        page = person.new_page()
        page.goto(server.address)
        page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=90_000)
        yield page
    finally:
        person.close()


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
        page = stack.enter_context(opened(server, chrome))
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
        own = stack.enter_context(opened(server, chrome))
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
