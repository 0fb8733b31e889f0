"""The models of a server: each loaded once, uploads gone from the disk, failures forgotten."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from app.session.actions import Type
from app.session.explorer import Explorer
from app.session.first_prompt import PROMPT
from app.stores import models
from app.stores.models import Models, Wanted, digest
from gptcore import GPT, Checkpoint, CheckpointError, GPTConfig, load, save
from gptcore.checkpoint import HeadsUnknownError
from gptcore.tokenizer import CharTokenizer, IdTokenizer
from tests.conftest import random_model


@dataclass
class Uploaded:
    name: str
    content: bytes

    def getbuffer(self) -> memoryview:
        return memoryview(self.content)


def silent(share: float, what: str) -> None:
    """Listens to nothing."""


def folder_of(path: Path) -> str:
    model = random_model(vocab_size=3)
    save(Checkpoint(model, CharTokenizer("abc"), model.config, {}), path)
    return str(path)


def test_many_who_want_the_same_load_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(tmp_path / "a")
    loads = []

    def slowly(*arguments: object, **options: object) -> Checkpoint:
        loads.append(arguments)
        time.sleep(0.2)
        return load(source)

    monkeypatch.setattr(models, "load", slowly)
    shared, found = Models(), []
    threads = [threading.Thread(target=lambda: found.append(shared.get(Wanted(source), silent))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(found) == 8
    assert len({id(checkpoint) for checkpoint in found}) == 1


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_that_was_written_again_is_read_again(tmp_path: Path, folder: bool) -> None:
    """As nanoGPT writes its ckpt.pt at each evaluation."""
    path = tmp_path / "ckpt.pt"

    def write(seed: int) -> GPT:
        model = random_model(seed, vocab_size=3)
        if folder:
            save(Checkpoint(model, CharTokenizer("abc"), model.config, {}), path)
        else:
            torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, path)
        return model

    shared, wanted = Models(), Wanted(str(path))
    write(0)
    first = shared.get(wanted, silent)
    assert shared.get(wanted, silent) is first
    model = write(1)
    second = shared.get(wanted, silent)
    assert torch.equal(second.model.lm_head.weight, model.lm_head.weight)
    assert not torch.equal(second.model.lm_head.weight, first.model.lm_head.weight)


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    shared, wanted = Models(kept=2), [Wanted(folder_of(tmp_path / name)) for name in "abc"]
    for one in wanted:
        shared.get(one, silent)
    assert [shared.has(one) for one in wanted] == [False, True, True]


def test_a_failure_is_forgotten(tmp_path: Path) -> None:
    shared, wanted = Models(), Wanted(str(tmp_path / "a"))
    with pytest.raises(CheckpointError, match="there is no file or folder"):
        shared.get(wanted, silent)
    assert not shared.has(wanted)
    folder_of(tmp_path / "a")
    assert shared.get(wanted, silent).tokenizer == CharTokenizer("abc")


def nanogpt_files(tmp_path: Path) -> list[Uploaded]:
    import pickle

    model = random_model(vocab_size=3)
    torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, tmp_path / "x.pt")
    meta = {"vocab_size": 3, "itos": dict(enumerate("abc")), "stoi": {c: i for i, c in enumerate("abc")}}
    return [Uploaded("ckpt.pt", (tmp_path / "x.pt").read_bytes()), Uploaded("meta.pkl", pickle.dumps(meta))]


def test_an_upload_with_its_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    files = nanogpt_files(tmp_path)
    told: list[float] = []
    checkpoint = Models().get(Wanted("ckpt.pt", digest=digest(files)), lambda share, what: told.append(share), files)
    assert checkpoint.tokenizer == CharTokenizer("abc")
    assert checkpoint.info["source"] == "ckpt.pt"
    assert told == sorted(told)
    assert len(told) > 3
    assert not any((tmp_path / "temporary").iterdir())  # nothing of it stays on the disk
    without = Models().get(Wanted("ckpt.pt", words=False, digest=digest(files)), silent, files)
    assert without.tokenizer == IdTokenizer(3)


@pytest.mark.parametrize("name", ["../../escaped.pt", "..\\escaped.pt", "/escaped.pt", "..", ".hidden.pt"])
def test_an_upload_stays_in_its_folder_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a" / "b"))
    content = nanogpt_files(tmp_path)[0].content
    (tmp_path / "x.pt").unlink()
    Models().get(Wanted("x", digest="1"), silent, [Uploaded(name, content)])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_bad_upload_does_not_tell_where_it_lay() -> None:
    files = [Uploaded("bad.pt", b"<html>")]
    with pytest.raises(CheckpointError, match=r"^bad\.pt is a web page") as caught:
        Models().get(Wanted("bad.pt", digest=digest(files)), silent, files)
    assert tempfile.gettempdir() not in str(caught.value)


def test_heads_that_only_the_person_knows(tmp_path: Path) -> None:
    model = random_model(vocab_size=3, tie_weights=False, activation="gelu_tanh")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    shared, wanted = Models(), Wanted(str(tmp_path / "model.pt"))
    with pytest.raises(HeadsUnknownError) as caught:
        shared.get(wanted, silent)
    config = GPTConfig(**caught.value.known, n_head=model.config.n_head)
    assert shared.get(Wanted(wanted.source, config), silent).config == model.config


def test_parity_is_of_the_prompt_on_the_screen(shakespeare: Checkpoint) -> None:
    me = Explorer(shakespeare)
    assert me.parity is None
    me.measure_parity()
    assert me.parity is not None
    assert 0 < me.parity.difference < 1e-4
    assert me.parity.is_rounding
    me.apply(Type(PROMPT + "e"))
    assert me.parity is None  # of another prompt


def test_parity_tells_when_the_screen_is_wrong(shakespeare: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from gptcore import model as module

    me = Explorer(shakespeare)
    real = module.attend_to_past
    monkeypatch.setattr(module, "attend_to_past", lambda q, k, v, past: real(q * 1.01, k, v, past))
    me.apply(Type(PROMPT + "e"))  # grown by a wrong attention
    monkeypatch.undo()
    me.measure_parity()
    assert me.parity is not None
    assert not me.parity.is_rounding


def test_a_prompt_is_kept_where_the_other_tokenizer_can_read_it(shakespeare: Checkpoint) -> None:
    model = random_model(vocab_size=30)
    letters = Checkpoint(model, CharTokenizer("".join(sorted(set(PROMPT)))), model.config)
    kept = Explorer(letters, PROMPT)
    assert (kept.typed, kept.message) == (PROMPT, None)
    lost = Explorer(letters, "Zebra")
    assert lost.message is not None
    assert lost.message["text"].startswith("The prompt could not be kept; ↶ brings it back. ")
    assert "'Z'" in lost.message["text"]
