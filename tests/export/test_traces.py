"""A whole trace as a file: safetensors and `load_trace` read what the trace has, and a stranger's file is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import gptcore
from gptcore import Architecture, Edit, GPTConfig, Trace, architecture
from gptcore.tokenizer import CharTokenizer
from tests.conftest import random_model
from tests.lopsided import FITS, LETTERS, LONG, encode, lopsided, run_of, seen

PATTERN = "transformer.h.2.attn.pattern"


@pytest.fixture(scope="module")
def run() -> Trace:
    """A run of two sequences, under an edit."""
    ids = encode(FITS)
    return gptcore.capture(lopsided(), [ids, ids[::-1]], edits=[Edit("transformer.h.1.attn.z", "zero", head=2)])


@pytest.fixture(scope="module")
def written(run: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that run."""
    path = tmp_path_factory.mktemp("written") / "run.safetensors"
    gptcore.export.trace(run, path, tokenizer=CharTokenizer(LETTERS))
    return path


def test_plain_safetensors_reads_every_tensor(run: Trace, written: Path) -> None:
    tensors = load_file(written)
    assert tensors.keys() == {*run}
    for name, tensor in tensors.items():
        assert tensor.dtype == run[name].dtype
        assert tensor.equal(run[name]) or tensor.allclose(run[name], rtol=0, atol=0, equal_nan=True), name


def test_its_metadata_tell_what_the_tensors_are(run: Trace, written: Path) -> None:
    with safe_open(written, framework="pt") as file:
        told = {key: json.loads(text) for key, text in file.metadata().items() if text[0] in "[{"}
    assert told["names"] == [*run]
    assert told["axes"] == {name: list(axes) for name, (axes, _) in run.shapes().items()}
    assert told["config"] == run.config.to_dict()
    assert told["tokens"] == {"ids": run.ids.tolist(), "labels": [[*FITS], [*FITS[::-1]]]}
    assert told["edits"] == ["Edit('transformer.h.1.attn.z', 'zero', head=2)"]


def test_read_back_it_is_the_same_run(run: Trace, written: Path) -> None:
    saved = gptcore.export.load_trace(written)
    assert list(saved) == list(run)
    assert saved.shapes() == run.shapes()
    assert (saved.B, saved.T, saved.config) == (run.B, run.T, run.config)
    assert saved.ids.equal(run.ids)
    assert saved.logits.equal(run.logits)
    assert saved[PATTERN].equal(run[PATTERN])
    assert saved.axes(PATTERN) == ("B", "H", "T", "T")
    assert saved.rows(PATTERN, 2, 5).equal(run.rows(PATTERN, 2, 5))
    assert saved.rows("transformer.wpe", 2, 5).equal(run.rows("transformer.wpe", 2, 5))
    assert saved.labels == ((*FITS,), (*FITS[::-1],))
    assert saved.edits == ("Edit('transformer.h.1.attn.z', 'zero', head=2)",)
    assert repr(saved) == f"SavedTrace(B=2, T={len(FITS)}, {len(run)} tensors, 1 edits)"


def test_what_is_read_cannot_change_it(written: Path, run: Trace) -> None:
    saved = gptcore.export.load_trace(written)
    saved[PATTERN].zero_()
    saved.rows(PATTERN, 0, 2).zero_()
    assert saved[PATTERN].equal(run[PATTERN])
    with pytest.raises(TypeError):
        saved[PATTERN] = run[PATTERN]  # type: ignore[index]


def test_a_tensor_of_a_saved_trace_can_be_exported(written: Path, run: Trace, tmp_path: Path) -> None:
    saved = gptcore.export.load_trace(written)
    for suffix in (".csv", ".npy"):
        gptcore.export.tensor(saved, PATTERN, tmp_path / f"a{suffix}")
        gptcore.export.tensor(run, PATTERN, tmp_path / f"b{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_a_file_that_is_written_again_leaves_the_trace_as_it_was(run: Trace, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    gptcore.export.trace(run, path)
    saved = gptcore.export.load_trace(path)
    gptcore.export.trace(run_of(lopsided(seed=6), LONG), path)
    assert saved[PATTERN].equal(run[PATTERN])
    assert len(seen(LONG, lopsided())) == gptcore.export.load_trace(path).T


def test_some_names_and_other_types(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    bits = gptcore.capture(random_model(dtype=torch.bfloat16), [3, 1, 4])
    gptcore.export.trace(bits, path, names=["transformer.h.2.attn.pattern"])
    saved = gptcore.export.load_trace(path)
    assert list(saved) == ["idx", "transformer.h.2.attn.pattern"]
    assert saved.labels is None
    assert saved["transformer.h.2.attn.pattern"].equal(bits["transformer.h.2.attn.pattern"])
    with pytest.raises(KeyError, match="near it: transformer"):
        _ = saved["transformer.h.2.attn.patern"]
    with pytest.raises(KeyError, match="no tensor 'logit'"):
        gptcore.export.trace(bits, path, names=["logit"])
    with pytest.raises(IndexError, match="0 <= start < stop <= 3, got 2 to 4"):
        saved.rows("idx", 2, 4)
    with pytest.raises(ValueError, match=r"must end in \.safetensors, .* got 'run\.npz'"):
        gptcore.export.trace(bits, tmp_path / "run.npz")
    with pytest.raises(ValueError, match="names is a list of names"):
        gptcore.export.trace(bits, path, names="idx")


def test_weights_that_changed_leave_the_file_as_it_was(tmp_path: Path) -> None:
    path, model = tmp_path / "run.safetensors", lopsided()
    first = run_of(model, FITS)
    gptcore.export.trace(first, path)
    before = path.read_bytes()
    with torch.no_grad():
        model.lm_head.weight.mul_(2)
    with pytest.raises(RuntimeError, match="capture again"):
        gptcore.export.trace(first, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["run.safetensors"]


Change = Callable[[dict[str, torch.Tensor], dict[str, Any]], object]


def other_ids(tensors: dict[str, torch.Tensor], told: dict[str, Any]) -> None:
    tensors["idx"] = tensors["idx"].clone()
    tensors["idx"][0, 0] = 10_000
    told["tokens"]["ids"] = tensors["idx"].tolist()


HOSTILE: dict[str, tuple[Change, str]] = {
    "kind": (lambda _, told: told.update(kind="tensor"), r"must be a trace: .* got \('gptscope', 'tensor', '1'\)"),
    "version": (lambda _, told: told.update(version="2"), "must be a trace"),
    "no axes": (lambda _, told: told.pop("axes"), "must hold 'axes', got"),
    "no JSON": (lambda _, told: told.update(names="[" * 100_000), "'names' in its metadata must be JSON"),
    "a name more": (lambda _, told: told["names"].append("x"), "'names' must list the tensors of the file"),
    "a name twice": (lambda _, told: told["names"].append("idx"), "each once"),
    "names of another kind": (lambda _, told: told.update(names={}), "'names' must list"),
    "config": (lambda _, told: told["config"].update(n_head=0), "'config' does not describe a GPT"),
    "no config": (lambda _, told: told.update(config=[]), "'config' must be an object, got list"),
    "axes": (lambda _, told: told["axes"].update({PATTERN: ["B", "T", "T", "H"]}), "'axes' must give each tensor"),
    "shape": (
        lambda t, _: t.update({PATTERN: t[PATTERN][:, :2]}),
        r"the shape \(2, 4, 6, 6\) .*got \(2, 2, 6, 6",
    ),
    "type": (lambda t, _: t.update({PATTERN: t[PATTERN].long()}), "and numbers, got .* of type I64"),
    "ids": (other_ids, "token ids must be from 0 to 22, got 0 to 10000"),
    "other ids": (lambda _, told: told["tokens"].update(ids=[[0] * 6] * 2), "'tokens' must tell the ids"),
    "labels": (lambda _, told: told["tokens"].update(labels=[["a"]]), "must be 2 lists of 6 texts"),
    "ids of another type": (lambda t, _: t.update(idx=t["idx"].float()), r"must be \(B, T\) int64"),
    "edits": (lambda _, told: told.update(edits=[1]), "'edits' must be a list of texts"),
    "layers": (lambda _, told: told["config"].update(n_layer=2), "holds 'transformer.h.2', which no GPT of its config"),
}


@pytest.mark.parametrize(("change", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_contradicts_itself_is_refused(
    change: Change, sentence: str, written: Path, tmp_path: Path
) -> None:
    tensors = load_file(written)
    with safe_open(written, framework="pt") as file:
        told = {key: json.loads(text) if text[0] in "[{" else text for key, text in file.metadata().items()}
    change(tensors, told)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "a.safetensors", texts)
    with pytest.raises(ValueError, match=sentence):
        gptcore.export.load_trace(tmp_path / "a.safetensors")


def test_a_config_of_very_many_layers_costs_nothing(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with safe_open(written, framework="pt") as file:
        texts = file.metadata()
    texts["config"] = json.dumps({**json.loads(texts["config"]), "n_layer": 10**12})
    save_file(load_file(written), tmp_path / "a.safetensors", texts)

    def of_one_block(config: GPTConfig) -> Architecture:
        assert config.n_layer == 1, "a map of all these blocks would fill the memory"
        return architecture(config)

    monkeypatch.setattr("gptcore.export.saved_trace.architecture", of_one_block)
    saved = gptcore.export.load_trace(tmp_path / "a.safetensors")
    assert saved.logits.shape[-1] == len(LETTERS)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    model = lopsided()
    save_file({"a": torch.ones(2)}, tmp_path / "weights.safetensors")
    (tmp_path / "text.safetensors").write_text("hello, this is no header at all")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    gptcore.export.trace(run_of(model, FITS), tmp_path / "run.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "run.safetensors").read_bytes()[:-100])
    for name, sentence in (
        ("weights", "must be a trace: .* safetensors.safe_open reads other files"),
        ("text", "must be a safetensors file"),
        ("empty", "must be a safetensors file"),
        ("cut", "must be a safetensors file"),
        ("nothing", "is no file; give the path"),
    ):
        with pytest.raises(ValueError, match=sentence):
            gptcore.export.load_trace(tmp_path / f"{name}.safetensors")
    with pytest.raises(ValueError, match="is no file"):
        gptcore.export.load_trace(tmp_path)
