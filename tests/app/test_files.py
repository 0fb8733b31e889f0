"""Files that the page makes on request: made once, of what is on the screen, served until the browser has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.session.explorer import Explorer
from app.views import files
from gptcore.export.pages import document
from tests.app.sent import Page
from tests.lopsided import FITS, checkpoint_of, lopsided, run_of, write_folder


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The bytes that the server was given for this person, by their place: each takes the place of the one before."""
    found: dict[str, bytes] = {}

    class Manager:
        """Streamlit's, as far as the page uses it."""

        def add(self, data: bytes, mimetype: str, coordinates: str) -> str:
            assert mimetype == "application/octet-stream"
            found[coordinates] = data
            return f"/media/{len(data)}.bin"

    class Runtime:
        """Streamlit's."""

        media_file_mgr = Manager()

    monkeypatch.setattr("app.state.downloads.get_instance", Runtime)
    return found


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: dict[str, bytes]) -> Page:
    return Page(write_folder(tmp_path / "lopsided", lopsided()), monkeypatch, FITS)


def test_a_file_is_made_once_and_only_when_it_is_asked_for(
    page: Page, served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.panel("save")["offer"] is None and not served
    made: list[int] = []

    def make(me: Explorer) -> bytes:
        made.append(me.shown.trace.T)
        return b"abc"

    monkeypatch.setitem(files.FILES, "page.html", files.File("it", make))
    page.report("save", file="page.html")
    offer = page.panel("save")["offer"]
    assert {**offer, "seq": 0} == {"seq": 0, "url": "media/3.bin", "name": "gptscope-page.html", "refusal": ""}
    assert [*served.values()] == [b"abc"]
    page.type("木")
    assert page.panel("save")["offer"] == offer, "an answer that is overtaken by a key comes again with the next"
    assert made == [len(FITS)]


def test_the_file_is_freed_when_the_browser_has_it(page: Page, served: dict[str, bytes]) -> None:
    page.report("save", file="page.html")
    seq = page.panel("save")["offer"]["seq"]
    assert len(*served.values()) > 10_000
    page.report("save", taken=seq - 1)
    assert page.panel("save")["offer"], "of another request"
    page.report("save", taken=seq)
    assert page.panel("save")["offer"] is None
    assert [*served.values()] == [b""]


def test_the_page_is_that_of_the_run_on_the_screen(page: Page, served: dict[str, bytes]) -> None:
    page.report("save", file="page.html")
    model = lopsided()
    wanted, _ = document(run_of(model, FITS), tokenizer=checkpoint_of(model).tokenizer, title="lopsided")
    assert [*served.values()] == [wanted]


def test_a_file_that_cannot_be_made_is_refused_in_words(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(me: object) -> bytes:
        raise ValueError("it is too large")

    monkeypatch.setitem(files.FILES, "page.html", files.File("it", refuse))
    page.report("save", file="page.html")
    offer = page.panel("save")["offer"]
    assert (offer["url"], offer["refusal"]) == ("", "There is no such file: it is too large")


def test_what_is_no_kind_of_file_is_no_request(page: Page) -> None:
    for name in ("page.exe", "../page.html", ""):
        page.report("save", file=name)
        assert page.panel("save")["offer"] is None
