"""nanoGPT's files of token ids are read as ids, by their content; other binaries where text is expected are refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from gptcore import capture, data, load
from gptcore.data import DataError
from gptcore.data.token_files import is_token_file
from gptcore.tokenizer import BPETokenizer, CharTokenizer, IdTokenizer
from gptcore.train.loop import Trainer
from tests.training import small

CHARS = "\n abcdefghijklmnopqrstuvwxyz"


def ids(count: int = 20_000, below: int = 28, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, below, count).astype(np.uint16)


def prepared(folder: Path, *, meta: bool = True, val: bool = True) -> Path:
    """Write what nanoGPT's `prepare.py` writes."""
    folder.mkdir(exist_ok=True)
    ids().tofile(folder / "train.bin")
    if val:
        ids(3000, seed=1).tofile(folder / "val.bin")
    if meta:
        content = {"vocab_size": 28, "itos": dict(enumerate(CHARS)), "stoi": {c: i for i, c in enumerate(CHARS)}}
        (folder / "meta.pkl").write_bytes(pickle.dumps(content))
    return folder


@pytest.mark.parametrize("whole_folder", [True, False])
def test_ids_with_their_vocabulary(tmp_path: Path, whole_folder: bool) -> None:
    folder = prepared(tmp_path / "shakespeare_char")
    source = data.text_source(str(folder if whole_folder else folder / "train.bin"), 8, "char")
    assert source.tokenizer == CharTokenizer(CHARS)
    assert np.array_equal(source.splits["train"], ids())
    assert np.array_equal(source.splits["val"], ids(3000, seed=1))


def test_the_last_tenth_serves_where_there_is_no_file_for_validation(tmp_path: Path) -> None:
    source = data.text_source(str(prepared(tmp_path, val=False) / "train.bin"), 8, "char")
    assert np.array_equal(np.concatenate([source.splits["train"], source.splits["val"]]), ids())
    assert len(source.splits["val"]) == 2000


def test_ids_without_a_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones are plain ids; larger ones are GPT-2's, by its words where they are at hand."""
    (np.arange(20000) % 65).astype(np.uint16).tofile(tmp_path / "train.bin")
    assert data.text_source(str(tmp_path / "train.bin"), 8, "char").tokenizer == IdTokenizer(65)
    ids(below=50257).tofile(tmp_path / "train.bin")
    monkeypatch.setattr(BPETokenizer, "gpt2_is_cached", staticmethod(lambda: False))
    assert data.text_source(str(tmp_path / "train.bin"), 8, "char").tokenizer == IdTokenizer(50257)
    gpt2 = BPETokenizer(r"\s|\S+", {bytes([b]): b for b in range(256)} | {b"ab": 50256})
    monkeypatch.setattr(BPETokenizer, "gpt2_is_cached", staticmethod(lambda: True))
    monkeypatch.setattr(BPETokenizer, "gpt2", classmethod(lambda cls: gpt2))
    assert data.text_source(str(tmp_path / "train.bin"), 8, "char").tokenizer is gpt2


def test_a_training_on_them_is_a_training_on_ids(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "data")
    trainer = Trainer(small(tmp_path, folder / "train.bin", steps=2, block_size=8, export=tmp_path / "model"))
    assert trainer.config.vocab_size == 28
    assert trainer.run()
    ckpt = load(tmp_path / "run")
    assert ckpt.tokenizer == CharTokenizer(CHARS)
    assert capture(ckpt, ckpt.tokenizer.encode("abc")).T == 3


@pytest.mark.parametrize("below", [65, 300, 50257, 65536])
def test_ids_are_known_by_their_content(tmp_path: Path, below: int) -> None:
    ids(5000, below).tofile(tmp_path / "a.bin")
    assert is_token_file(tmp_path / "a.bin")
    ids(5000, below).tofile(tmp_path / "a.txt")  # whatever it is called, it is no text
    with pytest.raises(DataError, match=r"is (a binary file|.*), where a text in UTF-8 is expected|not UTF-8"):
        data.text_source(str(tmp_path / "a.txt"), 8, "char")


def test_text_called_bin_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("To be, or not to be: that is the question. Ж€🤗\n" * 3000)
    assert not is_token_file(tmp_path / "a.bin")
    assert "Ж" in data.text_source(str(tmp_path / "a.bin"), 8, "char").tokenizer.decode(range(20))


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00" + bytes(200)), "a NumPy array"),
        (lambda path: torch.save({"a": torch.ones(3)}, path), "a zip archive"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "a pickle"),
        (lambda path: path.write_text("words " * 100, encoding="utf-16"), "text in UTF-16"),
        (lambda path: path.write_bytes(bytes(1000)), "a binary file"),
        (lambda path: ids().astype(np.uint32).tofile(path), "a binary file"),
    ],
    ids=["npy", "checkpoint", "pickle", "utf-16", "zeros", "uint32"],
)
def test_other_binaries_are_refused_where_text_is_expected(tmp_path: Path, write: object, kind: str) -> None:
    write(tmp_path / "data.txt")  # type: ignore[operator]
    with pytest.raises(DataError, match=rf"data.txt is {kind}.*, where a text in UTF-8 is expected; give a text"):
        data.text_source(str(tmp_path / "data.txt"), 8, "char")
    with pytest.raises(DataError, match=rf"data.txt is {kind}"):
        data.text_source(str(tmp_path), 8, "char")


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    ids(below=40).tofile(folder / "val.bin")
    with pytest.raises(DataError, match=r"val.bin holds the id 39, and the vocabulary has 28 ids, from 0; put"):
        data.text_source(str(folder), 8, "char")
    (folder / "meta.pkl").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"meta.pkl cannot be read as a vocabulary: .*take it away to train on plain"):
        data.text_source(str(folder), 8, "char")
    (folder / "train.bin").write_bytes(bytes(1001))
    with pytest.raises(DataError, match="has 1,001 bytes, and ids of two bytes need an even number"):
        data.text_source(str(folder / "train.bin"), 8, "char")
