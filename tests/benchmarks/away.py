"""Pages that were away, again and again: asleep for longer than the server remembers, before a server that was started
anew, behind a line that was cut. With edits, an upload, a training; nothing may be lost, and no page may show an error.

    python -m tests.benchmarks.away [--times 20] [--cut 10] [--only restart]
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from app.training import jobs, plan, processes
from tests.browser.driver import keeping_browser, open_page, server
from tests.browser.line import Line, line
from tests.browser.test_browser_reconnect import (
    ACTIONS,
    FIRST,
    LINE,
    MEMORY,
    WATCH,
    Person,
    box,
    source,
    type_at_the_end,
    upload,
    wait_for_numbers,
)

KINDS = ("cut", "sleep", "restart")
STEPS = 200_000
"""Steps of the training: more than it can have made by the end."""
TOLD = re.compile(r"^step ([\d,]+) of 200,000")
PATIENCE = 60_000
APART = """() => {
  const app = document.querySelector(`[data-testid="stApp"]`);
  const shown = deepQuery(`[data-role="map"]`)[0]?.dataset.text;
  const states = ["data-test-connection-state", "data-test-script-state"].map((name) => app.getAttribute(name));
  return [window.away, `apart for ${window.apart.length / 100} s`, shown, ...states];
}"""
"""Returns what a page tells that did not come back."""


ANEW = "if (sessionStorage.getItem('gptscope:anew')) window.away = true;"
"""A page that got no answer opens itself anew, which is how it says that it was away."""


class Wrong(Exception):
    """A page is not as it was."""


class Uploader:
    """A page whose model was uploaded."""

    name = "upload"

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self._folder = page, folder
        self.text = ""

    def act(self) -> None:
        """Type; upload the model once more where the server no longer has it."""
        if source(self.page) != "mine.pt":
            upload(self.page, self._folder)
        self.page.locator("[data-role=prompt]").fill("1 2 3")
        wait_for_numbers(self.page, "1 2 3")
        type_at_the_end(self.page, " 4")
        self.text = "1 2 3 4"
        wait_for_numbers(self.page, self.text)

    def is_back(self, kind: str) -> None:
        """Fail unless the text is there, with its numbers, or with the word that the model is gone."""
        if kind == "restart":
            gone = "mine.pt was uploaded, and this server no longer has it"
            expect(self.page.locator(LINE)).to_contain_text(gone, timeout=PATIENCE)
            if box(self.page) != self.text:
                raise Wrong(f"the box has {box(self.page)!r} and had {self.text!r}")
            return
        expect(self.page.locator(LINE)).to_be_hidden(timeout=PATIENCE)
        wait_for_numbers(self.page, self.text)
        if (source(self.page), box(self.page)) != ("mine.pt", self.text):
            raise Wrong(f"{source(self.page)!r} and {box(self.page)!r}; it was 'mine.pt' and {self.text!r}")


class Trainer:
    """A page that watches a training."""

    name = "training"

    def __init__(self, page: Page) -> None:
        self.page, self.before = page, 0

    def act(self) -> None:
        """Look at the training, if the page does not."""
        if not self._step():
            self.page.get_by_role("link", name="Training").click()
            self.page.get_by_text("Train a small model").first.click()
            self.page.get_by_role("button", name="Pause").wait_for(timeout=PATIENCE)
            self.page.wait_for_url(re.compile("lab=training"), timeout=PATIENCE)  # it has told where it is
        self.before = self._step()

    def is_back(self, kind: str) -> None:
        """Fail unless it tells of later steps."""
        expect(self.page.locator(LINE)).to_be_hidden(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE / 1000
        while self._step() <= self.before:
            if time.monotonic() > deadline:
                raise Wrong(f"the training stands at step {self._step():,}; it was {self.before:,}")
            self.page.wait_for_timeout(200)

    def _step(self) -> int:
        told = self.page.locator("p").all_inner_texts()
        return next((int(found[1].replace(",", "")) for each in told if (found := TOLD.match(each))), 0)


class Actor:
    """A page of Explore with one last action."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name, self.person = page, name, Person(page, name)

    def act(self) -> None:
        """Do the last action; a long prompt is shortened first."""
        if len(box(self.page)) > 40:
            self.page.locator("[data-role=prompt]").fill("To be")
            wait_for_numbers(self.page, "To be")
        self.person.act()

    def is_back(self, kind: str) -> None:
        """Fail unless all is as it was, and goes on."""
        self.person.is_back()
        self.person.types = False


Somebody = Actor | Uploader | Trainer


@dataclass
class Found:
    """The outcome of all of them."""

    back: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def opened(launched: BrowserContext, url: str, name: str, folder: Path) -> Somebody:
    """Return somebody with a page of their own."""
    page = open_page(launched, url, script=WATCH + ANEW)
    page.set_default_timeout(PATIENCE / 2)
    if name == "upload":
        return Uploader(page, folder)
    return Trainer(page) if name == "training" else Actor(page, name)


def cut(made: Line, people: list[Somebody]) -> None:
    """Cut the line, and type on a page meanwhile."""
    made.cut()
    for each in people:
        expect(each.page.locator(LINE)).to_contain_text("Connection lost", timeout=PATIENCE)
    first = people[0]  # one window has the keyboard
    first.page.bring_to_front()
    if isinstance(first, Actor):
        type_at_the_end(first.page, "e")
        first.person.box += "e"
        first.person.types = True  # and goes on to, until the page is back


def away(kind: str, made: Line, serving: ExitStack, people: list[Somebody], seconds: float) -> None:
    """Let all pages be away once, and the line be whole again."""
    if kind == "restart":
        serving.close()
    cut(made, people)
    if kind == "restart":
        url, _ = serving.enter_context(server(FIRST))
        made.mend(int(url.rpartition(":")[2]))
        return
    time.sleep(seconds if kind == "cut" else MEMORY + 1.5)
    made.mend()


def measured(times: int, kinds: tuple[str, ...], names: tuple[str, ...], seconds: float, folder: Path) -> Found:
    """Let pages with these last actions be away so many times in each way."""
    found = Found()
    with ExitStack() as stack:
        serving = stack.enter_context(ExitStack())
        url, _ = serving.enter_context(server(FIRST))
        made = stack.enter_context(line(url))
        launched = stack.enter_context(keeping_browser())
        people = [opened(launched, made.url, name, folder) for name in names]
        for kind in kinds:
            # A line that is cut for ten seconds is cut for a session that is still there.
            for turn in range(times):
                for at, each in enumerate(people):
                    people[at] = acted(each, launched, made.url, folder, found)
                away(kind, made, serving, people, seconds)
                started = time.monotonic()
                for at, each in enumerate(people):
                    try:
                        each.is_back(kind)
                        if each.page.locator("[data-testid=stException]").count():
                            raise Wrong("an error page")
                        found.back[kind] += 1
                    except Exception as error:  # whatever it is, the others are looked at, and it is told
                        what = f"{type(error).__name__}: {str(error)[:700]}; {each.page.evaluate(APART)}"
                        told = f"{kind} {turn + 1}, {each.name}: {what}"
                        found.wrong.append(told)
                        print(told, getattr(error, "__notes__", ""), file=sys.stderr, flush=True)
                        each.page.close()
                        people[at] = opened(launched, made.url, each.name, folder)
                found.seconds.setdefault(kind, []).append(time.monotonic() - started)
                print(f"{kind} {turn + 1}: {found.seconds[kind][-1]:.1f} s until all were checked", flush=True)
    return found


def acted(each: Somebody, launched: BrowserContext, url: str, folder: Path, found: Found) -> Somebody:
    """Have somebody do the last action; return who has done it, which is another page where the first one could not."""
    try:
        each.act()
        return each
    except Exception as error:
        found.wrong.append(f"{each.name} could not act: {type(error).__name__}: {str(error)[:700]}")
        print(found.wrong[-1], file=sys.stderr, flush=True)
        each.page.close()
        other = opened(launched, url, each.name, folder)
        other.act()
        return other


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """Have a training run in a folder of trainings that the servers look into."""
    os.environ[jobs.FOLDER] = str(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # it must not outlive us
    planned = plan.sizes("sort")["small"]  # it tells of its steps as a short one does
    job = jobs.start("sort", planned.data, STEPS, planned.arguments, None)
    try:
        yield
    finally:
        process = processes.find(job.folder, job.note)
        if process is not None:
            process.kill()


def main() -> int:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often in each way")
    parser.add_argument("--cut", type=float, default=10.0, help="seconds for which a line is cut")
    parser.add_argument("--only", choices=KINDS, help="one way alone")
    parser.add_argument("--people", nargs="*", default=[*ACTIONS, "upload", "training"], help="last actions")
    told = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    kinds = KINDS if told.only is None else (told.only,)
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "upload")
        folder.mkdir()
        with training(Path(place, "runs")):
            for kind in kinds:
                # A session outlives a cut of the line, and not a sleep.
                os.environ["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = str(120 if kind == "cut" else MEMORY)
                found.append(measured(told.times, (kind,), tuple(told.people), told.cut, folder))
    wrong = [each for part in found for each in part.wrong]
    for kind, part in zip(kinds, found, strict=True):
        of = told.times * len(told.people)
        print(f"| {kind} | {part.back[kind]} of {of} pages came back | {max(part.seconds[kind]):.0f} s at most |")
    print(*wrong, sep="\n")
    return min(len(wrong), 1)


if __name__ == "__main__":
    sys.exit(main())
