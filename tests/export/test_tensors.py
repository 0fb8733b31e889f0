"""One tensor as a file: what NumPy, csv and safetensors read is what the trace has."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import gptcore
from gptcore import Trace
from tests.conftest import random_model
from tests.lopsided import FITS, encode, lopsided

PATTERN = "transformer.h.2.attn.pattern"
MASKED = "transformer.h.1.attn.masked"
NAMES = ("idx", "transformer.wpe", "transformer.h.0.attn.k_t", MASKED, PATTERN, "lm_head", "loss")


@pytest.fixture(scope="module")
def batch() -> Trace:
    """A run of two sequences, so that B is no 1."""
    ids = encode(FITS)
    return gptcore.capture(lopsided(), [ids, ids[::-1]])


@pytest.mark.parametrize("name", NAMES)
def test_npy_holds_the_tensor(batch: Trace, name: str, tmp_path: Path) -> None:
    gptcore.export.tensor(batch, name, tmp_path / "a.npy")
    found = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert found.dtype == batch[name].numpy().dtype
    assert np.array_equal(found, batch[name].numpy(), equal_nan=found.dtype != np.int64)


@pytest.mark.parametrize("name", NAMES)
def test_each_line_of_a_table_is_the_cell_that_it_names(batch: Trace, name: str, tmp_path: Path) -> None:
    gptcore.export.tensor(batch, name, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    wanted, (axes, shape) = batch[name], batch.shapes()[name]
    assert header == [*(["B", "H", "T", "T_key"] if axes == ("B", "H", "T", "T") else axes), "value"]
    assert len(lines) == math.prod(shape)
    assert len({tuple(line[:-1]) for line in lines}) == len(lines)
    for *place, text in lines:
        cell = wanted[tuple(map(int, place))]
        assert cell.eq(torch.tensor(float(text)).to(cell.dtype)) or (cell.isnan() and text == "nan")


def test_a_table_longer_than_one_chunk(batch: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gptcore.export.tensor(batch, PATTERN, tmp_path / "whole.csv")
    monkeypatch.setattr("gptcore.export.tensors.LINES_AT_ONCE", 7)
    gptcore.export.tensor(batch, PATTERN, tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_safetensors_tells_what_the_tensor_is(batch: Trace, tmp_path: Path) -> None:
    gptcore.export.tensor(batch, PATTERN, tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        told = file.metadata()
        assert file.keys() == [PATTERN]
        assert np.array_equal(file.get_tensor(PATTERN), batch[PATTERN].numpy())
    assert json.loads(told["axes"]) == {PATTERN: ["B", "H", "T", "T"]}
    assert json.loads(told["config"]) == batch.config.to_dict()
    assert json.loads(told["tokens"]) == {"ids": batch.ids.tolist()}


def test_numbers_of_fewer_bits(tmp_path: Path) -> None:
    run = gptcore.capture(random_model(dtype=torch.bfloat16), [3, 1, 4])
    name = "transformer.h.1.mlp.gelu"
    assert run[name].dtype == torch.bfloat16
    for suffix in ("npy", "csv", "safetensors"):
        gptcore.export.tensor(run, name, tmp_path / f"a.{suffix}")
    wide = run[name].float().numpy()
    assert np.array_equal(np.load(tmp_path / "a.npy"), wide)
    values = [float(line.rpartition(",")[2]) for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert np.array_equal(np.array(values, np.float32), wide.reshape(-1))
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.get_tensor(name).equal(run[name])


def test_what_cannot_be_written_is_said_and_leaves_nothing(batch: Trace, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(ValueError, match=r"must end in \.npy, \.csv or \.safetensors, .* got 'a\.txt'"):
        gptcore.export.tensor(batch, PATTERN, tmp_path / "a.txt")
    with pytest.raises(KeyError, match="near it: transformer"):
        gptcore.export.tensor(batch, "transformer.h.2.attn.patern", tmp_path / "a.npy")
    with pytest.raises(IsADirectoryError, match="give the path of a file in it"):
        gptcore.export.tensor(batch, PATTERN, tmp_path / "folder.npy")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "folder.npy"}
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_a_file_is_replaced_whole_or_not_at_all(batch: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new folder" / "a.csv"
    gptcore.export.tensor(batch, "idx", path)
    before = path.read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.unravel_index", full)  # after the header is written
    with pytest.raises(OSError, match="No space left"):
        gptcore.export.tensor(batch, "loss", path)
    assert path.read_text() == before
    assert [each.name for each in path.parent.iterdir()] == ["a.csv"]
