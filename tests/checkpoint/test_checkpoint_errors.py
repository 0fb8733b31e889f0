"""Each bad checkpoint raises CheckpointError: a sentence with what was found, what was expected, and what to do."""

from __future__ import annotations

import json
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gptcore.checkpoint import Checkpoint, CheckpointError, load, save
from gptcore.checkpoint.formats import native
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.tokenizer import CharTokenizer, IdTokenizer

CONFIG = GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)


def tiny() -> Checkpoint:
    return Checkpoint(GPT(CONFIG).eval(), CharTokenizer("abcd\n"), CONFIG, {})


def content(**changes: Any) -> dict[str, Any]:
    return {"model": tiny().model.state_dict(), "model_args": CONFIG.to_dict(), "iter_num": 7} | changes


def weights(**changes: Any) -> dict[str, Any]:
    """Return the content with some weights replaced (None: left out); `__` stands for a dot."""
    state = tiny().model.state_dict() | {name.replace("__", "."): value for name, value in changes.items()}
    return content(model=OrderedDict((name, value) for name, value in state.items() if value is not None))


def args(**changes: Any) -> dict[str, Any]:
    return content(model_args={k: v for k, v in (CONFIG.to_dict() | changes).items() if v is not None})


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def whole_module() -> Any:
    """A pickled model of a class of the user, as `torch.save(model)` writes it."""
    module = types.ModuleType("usermodel")
    module.Model = type("Model", (torch.nn.Linear,), {"__module__": "usermodel"})  # type: ignore[attr-defined]
    return module


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), r"is empty \(0 bytes\); expected is .*download it again"),
    "html": (lambda p: p.write_text("\n<!DOCTYPE html><html>"), "is a web page, not a checkpoint; download the file"),
    "lfs": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer.*git lfs pull"),
    "text": (lambda p: p.write_text("hello"), "is not a PyTorch file .*; expected is a nanoGPT ckpt.pt, a minGPT"),
    "json": (lambda p: p.write_text('{"format": "gptscope"}'), "is a JSON file; .*give the folder"),
    "safetensors": (
        lambda p: save_file({"a": torch.ones(2)}, p),
        "weights, but no matrix .*they are not a GPT's",
    ),
    "zip": (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(100)), "damaged or cut short"),
    "hostile pickle": (
        lambda p: p.write_bytes(pickle.dumps(Hostile(), 2)),
        r"asks for '(posix|nt).system', which is code and not weights, so it was refused; .*torch.save\(\{'model'",
    ),
    "hostile zip": (lambda p: torch.save({"model": Hostile()}, p), "asks for 'posix.system'"),
    "list": (lambda p: torch.save([1, 2], p), r"a PyTorch file with a list; expected is a nanoGPT checkpoint"),
    "tensor": (lambda p: torch.save(torch.ones(2), p), "a PyTorch file with a Tensor"),
    "bare state dict": (
        lambda p: torch.save(tiny().model.state_dict(), p),
        r"do not tell the number of heads \(n_head\); pass config=GPTConfig\(n_head=..., block_size=8, vocab_size=5",
    ),
    "odd keys": (lambda p: torch.save({"<script>\n": 1}, p), r"of 1 keys \('<script>\\n'\)"),
    "no model_args": (lambda p: torch.save(content(model_args=None), p), r"no 'model_args'.*pass config=GPTConfig"),
}

CONTENTS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "missing": (
        lambda: weights(transformer__h__1__attn__c_attn__weight=None, transformer__ln_f__bias=None),
        r"2 missing: transformer.h.1.attn.c_attn.weight, transformer.ln_f.bias\); nothing was loaded",
    ),
    "many missing": (
        lambda: content(model={f"w{i}": torch.ones(1) for i in range(20)}),
        r"28 missing: transformer.wte.weight, .* and 23 more; 20 unexpected: w0, w1, w2, w3, w4 and 15 more\)",
    ),
    "unexpected": (
        lambda: weights(**{"transformer__h__0__attn__<b>\n": torch.ones(1)}),
        r"1 unexpected: 'transformer.h.0.attn.<b>\\n'",
    ),
    "shape": (
        lambda: weights(transformer__wpe__weight=torch.ones(9, 4)),
        r"1 of another shape: transformer.wpe.weight is \(9, 4\), expected \(8, 4\)\)",
    ),
    "no tensor": (lambda: weights(transformer__wpe__weight=[1.0]), "wpe.weight should be a tensor, but is a list"),
    "integers": (
        lambda: weights(transformer__wpe__weight=torch.ones(8, 4, dtype=torch.int64)),
        "wpe.weight is of type int64; expected is one of float32",
    ),
    "sparse": (
        lambda: weights(transformer__wpe__weight=torch.eye(4).to_sparse()),
        "is a sparse tensor; expected is a dense",
    ),
    "meta": (
        lambda: weights(transformer__wpe__weight=torch.ones(8, 4, device="meta")),
        "is a meta tensor; expected is a dense",
    ),
    "stride 0": (
        lambda: weights(lm_head__weight=torch.ones(1).expand(2**17, 2**17)),
        r"lm_head.weight claims 68,719,476,736 bytes, but only 4 are stored",
    ),
    "twice": (
        lambda: weights(**{"module__lm_head__weight": torch.ones(5, 4)}),
        "two weights named lm_head.weight, one",
    ),
    "tied but different": (
        lambda: weights(lm_head__weight=torch.ones(5, 4)),
        "tie_weights=True, so .* two that",
    ),
    "a billion layers": (lambda: args(n_layer=10**9), "says 1000000000 layers .* only 29 weights"),
    "giant": (lambda: args(n_embd=2**62), "no model can have these sizes"),
    "heads": (lambda: args(n_head=3), "do not describe a GPT .*n_embd: 4 does not divide into n_head = 3"),
    "no n_head": (lambda: args(n_head=None), "n_head: this field is missing"),
    "words": (lambda: args(n_layer="2"), "n_layer: .* got '2'"),
    "another size": (
        lambda: args(n_embd=8),
        r"of another shape: transformer.wte.weight is \(5, 4\), expected \(5, 8\)",
    ),
    "bad tokenizer": (lambda: content(tokenizer={"format": "x"}), "the tokenizer in .* cannot be read .*tokenizer="),
    "another's tokenizer": (
        lambda: content(tokenizer=CharTokenizer("abcdefg").to_json()),
        r"the tokenizer has 7 ids, the model only 5 \(vocab_size\), so it belongs to another model",
    ),
}


@pytest.mark.parametrize(("write", "sentence"), FILES.values(), ids=FILES)
def test_files_that_are_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match=f"(?s){sentence}") as caught:
        load(tmp_path / "ckpt.pt")
    assert str(tmp_path / "ckpt.pt") in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # without another library's advice
    assert os.listdir(tmp_path) == ["ckpt.pt"]


@pytest.mark.parametrize(("make", "sentence"), CONTENTS.values(), ids=CONTENTS)
def test_contents_that_make_no_model(tmp_path: Path, make: Callable[[], dict[str, Any]], sentence: str) -> None:
    torch.save(make(), tmp_path / "ckpt.pt")
    with pytest.raises(CheckpointError, match=f"(?s){sentence}"):
        load(tmp_path / "ckpt.pt")


def test_a_whole_pickled_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = whole_module()
    monkeypatch.setitem(sys.modules, "usermodel", module)
    torch.save(module.Model(2, 2), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"asks for 'usermodel.Model'.*model.state_dict\(\)"):
        load(tmp_path / "a.pt")


def test_torchscript(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:  # the records by which PyTorch recognises its scripts
        for record, raw in {"data.pkl": b"\x80\x02}.", "constants.pkl": b"\x80\x02).", "version": b"3\n"}.items():
            archive.writestr(f"a/{record}", raw)
    with pytest.raises(CheckpointError, match=r"TorchScript archive; .*model.state_dict\(\)"):
        load(tmp_path / "a.pt")


def test_truncated_at_any_place(tmp_path: Path) -> None:
    torch.save(content(), tmp_path / "whole.pt")
    raw = (tmp_path / "whole.pt").read_bytes()
    for length in range(1, len(raw), len(raw) // 40):
        (tmp_path / "a.pt").write_bytes(raw[:length])
        with pytest.raises(CheckpointError):
            load(tmp_path / "a.pt")


def test_a_path_that_does_not_exist_offers_near_names(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "shakespeare")
    with pytest.raises(CheckpointError, match=r"no file or folder .*shakespear'.*did you mean .*/shakespeare'\?"):
        load(tmp_path / "shakespear")
    for odd in ("", "a\0b", "x" * 5000, "no/such/folder", "/"):
        with pytest.raises(CheckpointError):
            load(odd)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.pt").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(CheckpointError, match=r"a.pt cannot be read: Permission denied"):
        load(tmp_path / "a.pt")


def test_folders_without_a_model_of_ours(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"without a model \(it holds nothing\); expected is one"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CheckpointError, match=r"has a config.json but no weights"):
        load(tmp_path)


def test_a_folder_of_several_checkpoints_asks_which(tmp_path: Path) -> None:
    for name in ("ckpt.pt", "ckpt_best.pt"):
        torch.save(content(), tmp_path / name)
    with pytest.raises(CheckpointError, match=r"holds 2 checkpoints \(ckpt.pt, ckpt_best.pt\); give the path of one"):
        load(tmp_path)
    assert load(tmp_path / "ckpt_best.pt").config == CONFIG


@pytest.mark.parametrize("version", [2, 0, "1", True, None])
def test_another_version_says_to_update(tmp_path: Path, version: object) -> None:
    save(tiny(), tmp_path / "a")
    reseal(tmp_path / "a", version=version)
    with pytest.raises(
        CheckpointError, match=f"has version {version!r} of the gptscope format, and only version 1 can be read; update"
    ):
        load(tmp_path / "a")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_file_of_the_folder_that_is_missing_or_another(tmp_path: Path, file: str) -> None:
    save(tiny(), tmp_path / "a")
    (tmp_path / "a" / file).write_bytes(b"other")
    with pytest.raises(CheckpointError, match=rf"{file} is not the file that was saved: its SHA-256 .* says"):
        load(tmp_path / "a")
    (tmp_path / "a" / file).unlink()
    with pytest.raises(CheckpointError, match=f"lacks {file}.*copy or download the folder again"):
        load(tmp_path / "a")


def reseal(folder: Path, **changes: Any) -> None:
    """Write a config.json with other content and a valid hash, as an attacker can."""
    parts = json.loads((folder / "config.json").read_text()) | changes
    del parts["sha256"]
    (folder / "config.json").write_bytes(native._sealed(parts))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weights": {"file": "../b/model.safetensors", "sha256": ""}}, r"in the same folder, but .* names '\.\./b"),
        ({"weights": {"file": ".", "sha256": ""}}, "in the same folder"),
        ({"weights": 5}, "needs 'weights', an object, but has int"),
        ({"tokenizer": None}, "needs 'tokenizer'"),
        ({"info": []}, "needs 'info'"),
        ({"config": {"n_layer": 1}}, "does not describe a GPT .*block_size: this field is missing"),
        ({"config": CONFIG.to_dict() | {"n_layer": 3}}, "12 missing: transformer.h.2.ln_1.weight"),
        ({"config": CONFIG.to_dict() | {"vocab_size": 4}}, r"transformer.wte.weight is \(5, 4\), expected \(4, 4\)"),
    ],
)
def test_a_sealed_folder_is_still_not_trusted(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    save(tiny(), tmp_path / "a")
    reseal(tmp_path / "a", **changes)
    with pytest.raises(CheckpointError, match=sentence):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("part", "file", "raw", "sentence"),
    [
        ("weights", "model.safetensors", b"\xff" * 64, "declares a header of 18,446,744"),
        ("tokenizer", "tokenizer.json", b"[]", r"is not a gptscope tokenizer .*got a list"),
        ("tokenizer", "tokenizer.json", b"{", "is not a gptscope tokenizer"),
        ("tokenizer", "tokenizer.json", b"[" * 100_000, "is not a gptscope tokenizer"),
    ],
)
def test_files_with_valid_hashes_and_bad_content(
    tmp_path: Path, part: str, file: str, raw: bytes, sentence: str
) -> None:
    save(tiny(), tmp_path / "a")
    (tmp_path / "a" / file).write_bytes(raw)
    reseal(tmp_path / "a", **{part: {"file": file, "sha256": native._sha256(tmp_path / "a" / file)}})
    with pytest.raises(CheckpointError, match=sentence):
        load(tmp_path / "a")


def test_config_json_that_is_huge_or_deep(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(CheckpointError, match="larger than 1,048,576 bytes"):
        load(tmp_path)
    (tmp_path / "config.json").write_bytes(b"[" * 100_000)
    with pytest.raises(CheckpointError, match="is not JSON"):
        load(tmp_path)


def test_save_replaces_nothing_of_others(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save(tiny(), tmp_path / "a")  # an empty folder may be used
    (tmp_path / "b").mkdir()
    (tmp_path / "b/thesis.txt").write_text("three years")
    with pytest.raises(ValueError, match="is not a gptscope folder, so it is not replaced; save to a new"):
        save(tiny(), tmp_path / "b")
    with pytest.raises(ValueError, match="is a file, so it is not replaced"):
        save(tiny(), tmp_path / "b/thesis.txt")
    assert (tmp_path / "b/thesis.txt").read_text() == "three years"


def test_save_refuses_what_would_be_lost(tmp_path: Path) -> None:
    ckpt = tiny()
    with pytest.raises(ValueError, match=r"dtype must be one of float32, .* got torch.int8"):
        save(ckpt, tmp_path / "a", dtype=torch.int8)
    with torch.no_grad():
        ckpt.model.get_parameter("transformer.wpe.weight")[0, 0] = 1e5
    with pytest.raises(ValueError, match=r"transformer.wpe.weight holds values too large for float16; use bfloat16"):
        save(ckpt, tmp_path / "a", dtype=torch.float16)
    with pytest.raises(ValueError, match="info must be plain data"):
        save(Checkpoint(ckpt.model, ckpt.tokenizer, CONFIG, {"path": tmp_path}), tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "a")
    with pytest.raises(ValueError, match="device must be 'cpu', 'cuda', 'cuda:1' or the like, got 'gpu'"):
        load(tmp_path / "a", device="gpu")
    missing = "cuda:99" if torch.cuda.is_available() else "cuda"
    with pytest.raises(ValueError, match=f"this machine has no device '{missing}' .*; use device='cpu'"):
        load(tmp_path / "a", device=missing)


def test_parts_that_do_not_belong_together() -> None:
    other = GPTConfig.from_dict(CONFIG.to_dict() | {"n_layer": 1})
    with pytest.raises(ValueError, match="the config must be the model's own"):
        Checkpoint(tiny().model, CharTokenizer("ab"), other)
    with pytest.raises(ValueError, match="the tokenizer has 6 ids, but the model has only 5"):
        Checkpoint(tiny().model, IdTokenizer(6), CONFIG)
