"""Pages that were away: a sleep longer than the server's memory, a server that is started anew, a line that is cut.

Eight people look at one server, each with another last action. Whatever happens, each page comes back by itself with
its model, its prompt and its place; from then on the numbers are those of the box, and the next key is answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, Page, expect

from app.training import jobs, plan, processes
from gptcore import Checkpoint, Edit, capture, load
from tests.browser.driver import chromium, open_page, server, wait_until
from tests.browser.line import Line, line
from tests.conftest import random_model

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]

FIRST = "shakespeare-char"
MEMORY = 1
"""Seconds for which the server remembers a page that is away; two minutes, unless a test says otherwise."""
LINE = "[data-role=connection]"

WATCH = """
window.away = false;
window.apart = [];
setInterval(() => {
  const [line, box, map] = ['connection', 'prompt', 'map'].map((role) => deepQuery(`[data-role="${role}"]`)[0]);
  if (line && !line.hidden && line.dataset.kind === 'lost') window.away = true;
  else if (window.away && box && map && box.value !== map.dataset.text) window.apart.push(box.value);
}, 10);
"""
"""Takes down each moment, from the return of a page that was away, in which the numbers are not those of the box."""

HERE = """() => {
    const plot = deepQuery('[data-role="plot"]')[0]?.dataset ?? {};
    return [plot.name, plot.layer, plot.head, deepQuery('[data-panel="node"]')[0]?.dataset.name];
}"""
CHANGES = (
    """() => deepQuery('[data-role="edit"]').map(({ dataset: { name, how, head } }) => [name, how, head]).sort()"""
)


def box(page: Page) -> str:
    return page.locator("[data-role=prompt]").input_value()


def wait_for_numbers(page: Page, text: str) -> None:
    wait_until(page, "text => deepQuery('[data-role=map]')[0]?.dataset.text === text", arg=text)


def type_at_the_end(page: Page, text: str) -> None:
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)


def typed(page: Page) -> None:
    type_at_the_end(page, "e")
    wait_for_numbers(page, box(page))


def head(page: Page) -> None:
    other = page.locator('button[data-layer][data-head]:not([aria-pressed="true"])').first
    layer, number = other.get_attribute("data-layer"), other.get_attribute("data-head")
    other.click()
    page.locator(f'[data-role=plot][data-layer="{layer}"][data-head="{number}"]').wait_for()


def node(page: Page) -> None:
    now = page.evaluate(HERE)[3]
    other = "lm_head" if now != "lm_head" else "transformer.ln_f"
    page.locator(f'button[data-node="{other}"]').click()
    page.locator(f'[data-panel=node][data-name="{other}"]').wait_for()


def block(page: Page) -> None:
    opener = page.locator("[data-role=map] [data-open]:visible").last
    layer = opener.get_attribute("data-open")
    opener.click()
    page.locator(f'[data-node="transformer.h.{layer}.mlp.gelu"]').wait_for()


def append(page: Page) -> None:
    before = len(box(page))
    page.locator("[data-role=next-token]").first.click()
    wait_until(page, "n => deepQuery('[data-role=prompt]')[0].value.length > n", arg=before)
    wait_for_numbers(page, box(page))


def other_page(page: Page) -> None:
    page.get_by_text("About this model").first.click()
    page.get_by_text("layers × heads").wait_for()
    page.get_by_text("Explore").first.click()
    page.locator("[data-role=map][data-ready=true]").wait_for()


def model(page: Page) -> None:
    head(page)  # which must not be done again, on the other model
    other = "induction" if source(page) != "induction" else "fairytales"
    page.locator(".st-key-choose button").first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile(f"^{other}")).click()
    expect(page.locator(".st-key-choose button").first).to_contain_text(other, timeout=30_000)
    page.get_by_role("dialog").wait_for(state="detached")
    # The name stands there before the panels, which may bring another text: the address is written after them.
    wait_until(page, "other => new URLSearchParams(location.search).get('model') === other", arg=other)
    wait_until(page, "deepQuery('[data-role=map]')[0]?.dataset.text === deepQuery('[data-role=prompt]')[0]?.value")


def change(page: Page) -> None:
    before = page.evaluate(CHANGES)
    off = page.locator("[data-role=head-off]")
    if not off.count():
        head(page)
    off.click()
    wait_until(page, f"before => JSON.stringify(({CHANGES})()) !== JSON.stringify(before)", arg=before)
    if not page.evaluate(CHANGES):  # it was off before
        change(page)


ACTIONS: dict[str, Callable[[Page], None]] = {
    each.__name__: each for each in (typed, head, node, block, append, other_page, model, change)
}


def source(page: Page) -> str:
    return page.locator(".st-key-choose button").first.inner_text().split("\n")[-1].strip()


@lru_cache
def model_of(name: str) -> Checkpoint:
    return load(name)


@dataclass
class Person:
    """A page, and what it showed before it was away."""

    page: Page
    name: str
    box: str = ""
    source: str = ""
    here: tuple[str, ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    types: bool = False
    """True to go on typing while the page comes back."""

    def act(self) -> None:
        """Do the last action, and take down what it led to."""
        self.page.bring_to_front()  # behind another tab nothing is drawn
        ACTIONS[self.name](self.page)
        self.page.evaluate("() => { window.away = false; window.apart = []; }")
        self.box, self.source, self.here = box(self.page), source(self.page), self.page.evaluate(HERE)
        self.changes = self.page.evaluate(CHANGES)

    def is_back(self) -> None:
        """Fail unless the page is as it was, and goes on; say whose page it is."""
        try:
            self._is_back()
        except Exception as error:
            shown = self.page.evaluate("() => [deepQuery('[data-role=map]')[0]?.dataset.text, location.search]")
            error.add_note(f"the page of {self.name}, which had {self.box!r}: {box(self.page)!r}, {shown}")
            raise

    def _is_back(self) -> None:
        page = self.page
        page.bring_to_front()
        while self.types and page.locator(LINE).is_visible():
            page.keyboard.type("e", delay=50)
            self.box += "e"
        expect(page.locator(LINE)).to_be_hidden(timeout=30_000)
        wait_for_numbers(page, self.box)
        page.wait_for_timeout(200)  # for whatever may follow
        assert page.evaluate("window.away"), f"{self.name}: nothing was said"
        assert self.types or page.evaluate("window.apart") == [], self.name
        assert (box(page), source(page), page.evaluate(HERE)) == (self.box, self.source, self.here), self.name
        assert page.evaluate(CHANGES) == self.changes, self.name
        assert bool(self.changes) == (self.name == "change"), self.name
        type_at_the_end(page, "e")
        wait_for_numbers(page, box(page))
        assert box(page) != self.box
        assert page.evaluate(HERE) == self.here, f"{self.name}: an old click was done again"
        checkpoint = model_of(self.source)
        edits = [Edit(name, how, head=int(number)) for name, how, number in self.changes]  # type: ignore[arg-type]
        ids = checkpoint.tokenizer.encode(box(page))[-checkpoint.config.block_size :]
        logits = capture(checkpoint.model, ids, edits=edits).logits
        expected = torch.softmax(logits[0, -1].double(), -1)
        row = page.locator("[data-role=next-token]").first
        token, probability = int(row.get_attribute("data-token-id") or -1), row.get_attribute("data-probability")
        assert expected[token].item() == pytest.approx(float(probability or "nan"), abs=1e-5), self.name


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Line, ExitStack]]:
    """Start a server that soon forgets, at the end of a line; the stack ends the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", str(MEMORY))
        with ExitStack() as serving:
            url, _ = serving.enter_context(server(FIRST))
            with line(url) as made:
                yield made, serving


FEW, REST = ("typed", "model", "change"), ("head", "node", "block", "append", "other_page")


@pytest.fixture(
    scope="module", params=[FEW, pytest.param(REST, marks=pytest.mark.slow)], ids=lambda names: "-".join(names)
)
def people(
    launched: BrowserContext, wire: tuple[Line, ExitStack], request: pytest.FixtureRequest
) -> Iterator[list[Person]]:
    """Open a page for each last action."""
    found = []
    for name in request.param:
        page = open_page(launched, wire[0].url)
        page.set_default_timeout(15_000)
        page.evaluate(WATCH)
        found.append(Person(page, name))
    yield found
    for person in found:
        person.page.close()


def cut(made: Line, people: list[Person]) -> None:
    """Cut the line; each page says so at once."""
    made.cut()
    for person in people:
        expect(person.page.locator(LINE)).to_contain_text("Connection lost", timeout=2000)
    person = people[0]
    type_at_the_end(person.page, "e")  # what is typed meanwhile is kept, too
    person.box += "e"


@pytest.mark.slow
def test_a_page_comes_back_after_a_short_cut(wire: tuple[Line, ExitStack], people: list[Person]) -> None:
    for person in people:
        person.act()
    cut(wire[0], people)
    wire[0].mend()
    for person in people:
        person.is_back()


@pytest.mark.slow
def test_a_page_comes_back_that_was_away_for_longer_than_the_server_remembers(
    wire: tuple[Line, ExitStack], people: list[Person]
) -> None:
    for person in people:
        person.act()
    cut(wire[0], people)
    people[0].page.wait_for_timeout(1000 * MEMORY + 300)
    people[0].types = True
    wire[0].mend()
    for person in people:
        person.is_back()
    people[0].types = False


def test_a_page_comes_back_when_the_server_was_started_anew(wire: tuple[Line, ExitStack], people: list[Person]) -> None:
    for person in people:
        person.act()
    made, serving = wire
    serving.close()
    cut(made, people)
    url, _ = serving.enter_context(server(FIRST))
    made.mend(int(url.rpartition(":")[2]))
    for person in people:
        person.is_back()


@pytest.mark.slow
def test_a_connection_that_leads_nowhere_is_left(launched: BrowserContext, wire: tuple[Line, ExitStack]) -> None:
    page = open_page(launched, wire[0].url)
    head(page)
    here = page.evaluate(HERE)
    wire[0].freeze()
    text = box(page) + "e"
    type_at_the_end(page, "e")
    wait_until(page, "text => deepQuery('[data-role=map]')[0]?.dataset.text === text", arg=text, timeout=60_000)
    assert box(page) == text
    assert page.evaluate(HERE) == here
    type_at_the_end(page, "e")
    wait_for_numbers(page, text + "e")
    page.close()


def upload(page: Page, folder: Path) -> None:
    """Open a model of 65 ids by an upload, at the prompt 1 2 3."""
    small = random_model(vocab_size=65)
    torch.save({"model": small.state_dict(), "model_args": small.config.to_dict()}, folder / "mine.pt")
    page.locator(".st-key-choose button").first.click()
    page.locator("input[type=file]").set_input_files(folder / "mine.pt")
    page.get_by_role("button", name="Open mine.pt").click()
    expect(page.locator(".st-key-choose button").first).to_contain_text("mine.pt", timeout=30_000)
    page.get_by_role("dialog").wait_for(state="detached")
    page.locator("[data-role=prompt]").fill("1 2 3")
    wait_for_numbers(page, "1 2 3")


@pytest.mark.slow
def test_a_model_that_was_uploaded_is_there_after_a_sleep_though_its_files_were_dropped(
    launched: BrowserContext, wire: tuple[Line, ExitStack], tmp_path: Path
) -> None:
    page = open_page(launched, wire[0].url)
    upload(page, tmp_path)
    head(page)
    here = page.evaluate(HERE)
    wire[0].cut()
    page.wait_for_timeout(1000 * MEMORY + 300)
    wire[0].mend()
    expect(page.locator(LINE)).to_be_hidden(timeout=30_000)
    wait_for_numbers(page, "1 2 3")
    assert (source(page), box(page), page.evaluate(HERE)) == ("mine.pt", "1 2 3", here)
    page.locator("[data-role=prompt]").fill("1 2 3 4")
    wait_for_numbers(page, "1 2 3 4")
    page.close()


@pytest.mark.slow
def test_a_training_goes_on_and_is_seen_again_when_the_server_was_started_anew(
    launched: BrowserContext, wire: tuple[Line, ExitStack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, serving = wire
    monkeypatch.setenv(jobs.FOLDER, str(tmp_path))
    planned = replace(plan.sizes("sort")["small"], steps=90_000)
    job = jobs.start("sort", planned.data, planned.steps, planned.arguments, None)
    try:
        serving.close()
        url, _ = serving.enter_context(server(FIRST))
        made.mend(int(url.rpartition(":")[2]))
        page = open_page(launched, made.url)
        page.get_by_text("Training", exact=True).first.click()
        page.get_by_text("Train a small model").first.click()
        page.get_by_role("button", name="Pause").wait_for(timeout=120_000)
        page.wait_for_url("**lab=training**")  # it is written when the page is at rest
        serving.close()
        made.cut()
        before = next(each for each in jobs.jobs() if each.folder == job.folder).step
        url, _ = serving.enter_context(server(FIRST))
        made.mend(int(url.rpartition(":")[2]))
        expect(page.locator(LINE)).to_be_hidden(timeout=60_000)
        told = page.get_by_text(re.compile(r"step [\d,]+ of 90,000"))
        told.wait_for(timeout=120_000)
        wait_until(
            page,
            "before => [...document.querySelectorAll('p')].some((p) => {"
            " const found = /^step ([\\d,]+) of 90,000/.exec(p.textContent);"
            " return found && Number(found[1].replaceAll(',', '')) > before; })",
            arg=before,
            timeout=120_000,
        )
        page.close()
    finally:
        process = processes.find(job.folder, job.note)
        if process is not None:
            process.kill()


@pytest.mark.slow
def test_a_model_that_was_uploaded_is_told_to_be_gone_and_the_text_is_kept(
    launched: BrowserContext, wire: tuple[Line, ExitStack], tmp_path: Path
) -> None:
    page = open_page(launched, wire[0].url)
    upload(page, tmp_path)
    area = page.locator("[data-role=prompt]")
    made, serving = wire
    serving.close()
    made.cut()
    url, _ = serving.enter_context(server(FIRST))
    made.mend(int(url.rpartition(":")[2]))
    expect(page.locator(LINE)).to_contain_text("mine.pt was uploaded, and this server no longer has it", timeout=30_000)
    expect(page.locator(LINE)).to_contain_text("Your text is kept.")
    assert source(page) == FIRST
    assert box(page) == "1 2 3"
    page.get_by_text("Still shown").first.wait_for()  # this model has no figures
    area.fill("To be")
    wait_for_numbers(page, "To be")
    expect(page.locator(LINE)).to_be_visible()
    upload(page, tmp_path)
    expect(page.locator(LINE)).to_be_hidden()
    page.close()
