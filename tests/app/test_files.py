"""Files that the page makes on request: made once, of what is on the screen, served until the browser has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from app.session.explorer import Explorer
from app.views import files
from gptcore import architecture
from gptcore.export import load_trace
from gptcore.export.pages import document
from gptcore.graph.draw import to_dot
from gptcore.graph.mermaid import to_mermaid
from gptcore.graph.standalone import standalone_svg
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


def asked(page: Page, served: dict[str, bytes], name: str) -> tuple[str, bytes]:
    """The name and the bytes of a file that was asked for."""
    page.report("save", file=name)
    offer = page.panel("save")["offer"]
    assert offer["refusal"] == "" and offer["url"]
    return offer["name"], [*served.values()][-1]


TENSOR = "transformer.h.2.attn.q"


def test_the_tensor_on_the_stage_is_written_as_the_library_writes_it(
    page: Page, served: dict[str, bytes], tmp_path: Path
) -> None:
    page.select(TENSOR)
    run = run_of(lopsided(), FITS)
    for suffix in ("npy", "csv", "safetensors"):
        name, data = asked(page, served, f"tensor.{suffix}")
        assert name == f"gptscope-{TENSOR}-tensor.{suffix}"
        path = tmp_path / f"found.{suffix}"
        path.write_bytes(data)
        numbers: dict[str, Callable[[Path], Any]] = {
            "npy": np.load,
            "csv": _of_table,
            "safetensors": lambda path: load_file(path)[TENSOR].numpy(),
        }
        assert np.allclose(np.ravel(numbers[suffix](path)), run[TENSOR].numpy().ravel(), atol=2e-5)


def _of_table(path: Path) -> list[float]:
    return [float(line.rpartition(",")[2]) for line in path.read_text().splitlines()[1:]]


def test_the_whole_run_can_be_read_back(page: Page, served: dict[str, bytes], tmp_path: Path) -> None:
    name, data = asked(page, served, "run.safetensors")
    assert name == "gptscope-run.safetensors"
    (tmp_path / name).write_bytes(data)
    saved, run = load_trace(tmp_path / name), run_of(lopsided(), FITS)
    assert list(saved.keys()) == list(run.keys())
    assert saved.labels == (tuple(FITS),)
    for each in ("transformer.h.1.attn.pattern", "lm_head"):
        assert np.allclose(saved[each].numpy(), run[each].numpy(), atol=2e-5)


def test_the_diagram_of_the_view_comes_as_text(page: Page, served: dict[str, bytes]) -> None:
    page.open("transformer.h.2.mlp", 2)
    arch, T = architecture(lopsided().config), len(FITS)
    expected = {
        "svg": standalone_svg(arch, "MLP", 2, unfold=False, T=T),
        "dot": to_dot(arch, "MLP", 2, T=T).source,
        "mmd": to_mermaid(arch, "MLP", 2, T=T) + "\n",
    }
    for suffix, text in expected.items():
        name, data = asked(page, served, f"view.{suffix}")
        assert (name, data.decode()) == (f"gptscope-MLP-view.{suffix}", text)


def test_a_weight_is_no_tensor_of_the_run(page: Page) -> None:
    key = "transformer.h.2.mlp.c_fc.weight"
    page.select("transformer.h.2.mlp.c_fc")
    page.report("node", kind="weight", id="transformer.h.2.mlp.c_fc", weight=key)
    page.report("save", file="tensor.npy")
    assert "choose “output”" in page.panel("save")["offer"]["refusal"]


def test_what_would_be_too_large_is_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 2000)
    for name in ("run.safetensors", "tensor.csv"):
        page.report("save", file=name)
        assert "take a shorter prompt" in page.panel("save")["offer"]["refusal"]


def test_nothing_is_left_of_what_was_written(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    page.report("save", file="tensor.npy")
    assert not list((tmp_path / "temporary").iterdir())


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
