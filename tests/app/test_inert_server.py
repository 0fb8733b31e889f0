"""Nothing of the server reaches a visitor: no path of it, no file that an upload names; shared where others come."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import gptcore
from app.state import names, server
from app.stores import upload
from app.stores.models import Models, Wanted, digest
from app.stores.snapshots import Snapshots
from gptcore import CheckpointError
from tests.app.every_page import everything, opened
from tests.app.test_models import Uploaded, nanogpt_files, silent
from tests.conftest import random_model
from tests.lopsided import lopsided, write_folder


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.SHARED, "1")


# ---- a server is shared unless only its own machine can reach it ---------------------------------------------------


@pytest.mark.parametrize(
    ("address", "hosts", "told", "wanted"),
    [
        ("localhost", ["localhost", "127.0.0.1"], None, False),
        ("127.0.0.1", [], None, False),
        ("::1", [], None, False),
        ("0.0.0.0", ["localhost", "127.0.0.1"], None, True),
        ("0.0.0.0", [], "0", False),
        ("0.0.0.0", [], "off", False),
        ("192.168.1.20", [], None, True),
        (None, [], None, True),  # all addresses
        ("::", [], None, True),
        ("unix:///run/app.sock", [], None, True),  # with another server in front
        ("127.0.0.1", ["class.example.edu"], None, True),  # likewise
        ("127.0.0.1", ["*"], None, True),
        ("localhost", [], "1", True),
        ("localhost", [], "", False),
    ],
)
def test_a_server_that_others_reach_is_shared_unless_it_is_told(
    monkeypatch: pytest.MonkeyPatch, address: str | None, hosts: list[str], told: str | None, wanted: bool
) -> None:
    options = {"server.address": address, "server.allowedHosts": hosts}
    monkeypatch.setattr("streamlit.get_option", options.__getitem__)
    monkeypatch.delenv(server.SHARED, raising=False)
    if told is not None:
        monkeypatch.setenv(server.SHARED, told)
    assert server.shared() is wanted


# ---- paths -----------------------------------------------------------------------------------------------------------


def places(*more: Path) -> list[str]:
    """Return the places of this machine that nobody else is to read of."""
    root = str(Path(gptcore.__file__).parents[1])
    return [root, str(Path.home()), tempfile.gettempdir(), sys.prefix, os.getcwd(), *map(str, more)]


@pytest.mark.parametrize("damage", ["", "snapshot", "index", "curves", "weights", "gone", "vocabulary"])
def test_no_page_of_a_shared_server_sends_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None, damage: str
) -> None:
    """Whatever is wrong with the model that the command line names."""
    monkeypatch.setattr(server, "_SNAPSHOTS", Snapshots())  # what another test has read is not read again
    folder = write_folder(tmp_path / "my secret place" / "run of 5b", lopsided(), snapshots=True)
    source = folder
    (folder / "metrics.jsonl").write_text('{"step": 0, "val_loss": 2.0, "lr": 0.1}\n')
    if damage == "snapshot":
        (folder / "snapshots" / "0000040.safetensors").write_bytes(b"x")
    if damage == "curves":
        (folder / "metrics.jsonl").write_bytes(b"x\ny\n")
    if damage == "weights":
        (folder / "model.safetensors").write_bytes(b"x")
    if damage == "vocabulary":
        model = random_model()
        torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, folder.parent / "ckpt.pt")
        (folder.parent / "meta.pkl").write_bytes(b"x")
        source = folder.parent / "ckpt.pt"
    at = opened(monkeypatch, folder / "nothing.pt" if damage == "gone" else source)
    sent = everything(at)
    if damage == "index":
        (folder / "snapshots" / "index.jsonl").write_bytes(b"{}\n")
        monkeypatch.setattr(server, "_SNAPSHOTS", Snapshots())
    if damage in ("snapshot", "index"):
        for step in (40, 0):
            live = {"timeline": {"seq": step + 1, "source": "run of 5b", "step": step, "kind": "induction"}}
            at.session_state["explore_panels"] = live
            sent += everything(at.run())
        assert damage == "index" or "was changed since it was written" in sent
    assert not at.exception
    assert len(sent) > (200 if damage in ("weights", "gone") else 5000)
    assert "secret" not in sent  # the folder above, also where a long name is cut
    for place in places(tmp_path):
        assert place not in sent, re.findall(f".{{60}}{re.escape(place)}.{{60}}", sent)[:3]
        assert json.dumps(place).strip('"') not in sent


@pytest.mark.parametrize("name", gptcore.shipped_models())
def test_no_page_about_a_shipped_model_sends_a_path(monkeypatch: pytest.MonkeyPatch, shared: None, name: str) -> None:
    at = opened(monkeypatch, name)
    assert not at.exception
    sent = everything(at)
    assert len(sent) > 5000
    for place in places():
        assert place not in sent, re.findall(f".{{60}}{re.escape(place)}.{{60}}", sent)[:3]


def test_a_link_to_the_model_of_the_command_line_leads_to_it_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: None
) -> None:
    folder = write_folder(tmp_path / "fairytales", lopsided())  # called as a shipped model is
    at = opened(monkeypatch, folder)
    (link,) = [e.proto for e in at.get("bidi_component") if e.proto.component_name == "gptscope_address"]
    state = json.loads(link.json)["state"]
    assert "model=.%2Ffairytales&" in state
    there = AppTest.from_function(at_the_link, default_timeout=60)
    there.query_params.update({"model": "./fairytales", "prompt": "abc"})
    there.run()
    assert not there.exception
    assert there.session_state["loaded"] == Wanted(str(folder))
    assert there.session_state["explorer"].shown.text == "abc"


def at_the_link() -> None:
    from app import components
    from app.state import opening, returning

    returning.follow(components.reconnect(key="reconnect"))
    opening.ready()


def test_a_server_for_oneself_tells_its_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(server.SHARED, raising=False)
    folder = write_folder(tmp_path / "run", lopsided())
    assert str(folder) in everything(opened(monkeypatch, folder))


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("/srv/a/b.pt is empty", "b.pt is empty"),
        ("no space on '/srv/x/y'; take '/var/z w/q'", "no space on 'y'; take 'z w/q'"),
        ("see https://example.org/a/b and 3/4/5 and a/b/c", "see https://example.org/a/b and 3/4/5 and a/b/c"),
        ("there is no ~/me/ckpt.pt", "there is no ckpt.pt"),
        (r"C:\Users\me\ckpt.pt cannot be read", "ckpt.pt cannot be read"),
        ("{home} is a folder", "a folder of this server is a folder"),
        ("{home}/a.pt, {home}/b/c", "a.pt, c"),
    ],
)
def test_of_a_path_in_a_sentence_the_last_part_stays(shared: None, sentence: str, told: str) -> None:
    assert names.told(sentence.replace("{home}", str(Path.home()))) == told


# ---- uploads ---------------------------------------------------------------------------------------------------------


def about(wanted: Wanted, files: list[Uploaded]) -> str:
    """Return all that the page about an upload and the curves send."""

    def script() -> None:
        import streamlit as st

        from app.state import opening
        from app.views.model_card import card
        from app.views.training.curves import curves

        wanted, files = st.session_state["given"]
        if "explorer" not in st.session_state:
            opening.open_model(wanted, lambda share, what: None, files)
        card()
        curves()

    at = AppTest.from_function(script, default_timeout=60)
    at.session_state["given"] = wanted, files
    at.run()
    assert not at.exception
    return everything(at)


@pytest.mark.parametrize("name", ["fairytales", "assets/checkpoints/fairytales", "tests/benchmarks", "/etc", "../x"])
def test_an_upload_that_is_called_like_a_place_shows_nothing_of_it(tmp_path: Path, name: str) -> None:
    """Its name was once read as a folder of the server, whose README.md stood on the page."""
    ckpt, _ = nanogpt_files(tmp_path)
    files = [Uploaded(name, ckpt.content)]
    sent = about(Wanted(name, digest=digest(files)), files)
    assert "This checkpoint has no model card" in sent
    assert "has no history of its training" in sent


def test_a_field_of_a_file_is_no_path_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config's `dataset: X` was once read as `data/X` of the temporary folder, into which others can write."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    planted = tmp_path / "temporary" / "data" / "planted"
    planted.mkdir(parents=True)
    _, meta = nanogpt_files(tmp_path)
    (planted / "meta.pkl").write_bytes(meta.content)
    content = torch.load(tmp_path / "x.pt", weights_only=True)
    torch.save({**content, "config": {"dataset": "planted"}}, tmp_path / "x.pt")
    files = [Uploaded("ckpt.pt", (tmp_path / "x.pt").read_bytes())]
    checkpoint = Models().get(Wanted("ckpt.pt", digest=digest(files)), silent, files)
    assert "there is no vocabulary" in " ".join(checkpoint.info["notices"])
    assert gptcore.load(placed(tmp_path, files[0].content)).tokenizer.vocab_size == 3  # nanoGPT's own layout is read


def placed(tmp_path: Path, content: bytes) -> Path:
    """Write a checkpoint where nanoGPT does, beside its data."""
    (tmp_path / "temporary" / "out").mkdir()
    path = tmp_path / "temporary" / "out" / "ckpt.pt"
    path.write_bytes(content)
    return path


def test_what_is_told_of_an_upload_has_no_temporary_folder(tmp_path: Path) -> None:
    ckpt, _ = nanogpt_files(tmp_path)
    for extra in (b"x", b"\x80\x04N."):
        files = [ckpt, Uploaded("meta.pkl", extra)]
        checkpoint = Models().get(Wanted("ckpt.pt", digest=digest(files)), silent, files)
        assert "meta.pkl" in " ".join(checkpoint.info["notices"])
        assert tempfile.gettempdir() not in json.dumps(checkpoint.info)
        assert "gptscope-upload" not in json.dumps(checkpoint.info)
    files = [Uploaded("a.pt", ckpt.content), Uploaded("b.pt", ckpt.content)]
    with pytest.raises(CheckpointError) as refused:
        Models().get(Wanted("a.pt", digest=digest(files)), silent, files)
    assert "holds 2 checkpoints (a.pt, b.pt)" in str(refused.value)
    assert tempfile.gettempdir() not in str(vars(refused.value))


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (["a\u202etp.exe.pt"], "turn the text around"),
        (["a\0.pt"], "cannot be seen"),
        (["a\nb.pt"], "cannot be seen"),
        (["é" * 200 + ".pt"], "has at most 255 bytes"),
        (["a.pt"] * 2, "two of the files are called 'a.pt'"),
        (["x/a.pt", "y\\A.pt"], "two of the files are called 'A.pt'"),
        ([f"{i}.pt" for i in range(1000)], "at most 50, got 1,000"),
        (["\ud800.pt"], "cannot be seen"),
    ],
)
def test_files_that_cannot_be_together_are_refused_in_a_sentence(sent: list[str], sentence: str) -> None:
    files = [Uploaded(name, b"x") for name in sent]
    with pytest.raises(CheckpointError, match=re.escape(sentence)), upload.in_folder(files):
        pytest.fail("they were written")
