"""Hostile or broken files: each is refused in one sentence or loaded correctly, and leaves nothing behind.

This file does not repeat `test_checkpoint_errors.py`. Pickles that try to run code are in `test_hostile_pickles.py`,
random damage is in `fuzz.py`.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore.checkpoint import Checkpoint, VocabularyError, load, save
from gptcore.checkpoint.shapes import CONV1D
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.tokenizer import IdTokenizer
from tests import hostile
from tests.fuzz import Forks
from tests.hostile import call, entries, entry, group, name, number, refused, state, storage, tensor, text

CONFIG = GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)
pytestmark = pytest.mark.usefixtures("nothing_left")


def weights() -> dict[str, Tensor]:
    """Make random weights, the head's too: the model is not tied."""
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(value.shape, generator=generator) for key, value in GPT(CONFIG).state_dict().items()}


def nanogpt(path: Path, **changes: Any) -> Path:
    """Write a nanoGPT checkpoint with weights replaced (`__` stands for a dot), or with other entries."""
    tensors = weights() | {key.replace("__", "."): value for key, value in changes.items() if "__" in key}
    args = CONFIG.to_dict() | {"tie_weights": False}
    others = {key: value for key, value in changes.items() if "__" not in key}
    torch.save({"model": tensors, "model_args": args} | others, path)
    return path


def hf(folder: Path, **config: Any) -> Path:
    """Write a Hugging Face folder, still without weights."""
    folder.mkdir(exist_ok=True)
    sizes = {"n_positions": 8, "vocab_size": 5, "n_layer": 2, "n_head": 2, "n_embd": 4, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"} | sizes | config))
    return folder


def hf_weights() -> dict[str, Tensor]:
    return {key: value.t().contiguous() if key.endswith(CONV1D) else value for key, value in weights().items()}


def written(folder: Path, tensors: dict[str, Tensor], file: str = "model.safetensors") -> Path:
    """Write the tensors as a safetensors file, with these few lines: any order, any name."""
    header, data = {}, b""
    for key, value in tensors.items():
        raw = value.numpy().tobytes()
        header[key] = entry(list(value.shape), len(data), len(data) + len(raw))
        data += raw
    hostile.write_safetensors(folder / file, header, data)
    return folder


def test_what_these_tests_damage_loads_undamaged(tmp_path: Path) -> None:
    for path in (nanogpt(tmp_path / "a.pt"), written(hf(tmp_path / "hf"), hf_weights())):
        loaded = load(path).model.state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in weights().items())
    for write in (hostile.write_zip, hostile.write_legacy):
        write(tmp_path / "b.pt", entries({"a": number(1)}))
        refused(tmp_path / "b.pt", r"a dict of 1 keys \(a\); expected is a nanoGPT checkpoint")


# --- containers of pickles


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a/data.pkl", "w", force_zip64=True) as record,
    ):
        for _ in range(256):
            record.write(bytes(2**20))
    assert (tmp_path / "a.pt").stat().st_size < 2**28 / 200
    with Forks() as forks:
        refused(
            tmp_path / "a.pt", r"a compressed record \(a/data.pkl\), which PyTorch never writes and which may unpack to"
        )
        assert forks.growth() < 100  # MB, where the file would unpack to 256
    hostile.write_zip(tmp_path / "b.pt", state(tensor()), method=zipfile.ZIP_DEFLATED)  # no zip bomb, but compressed
    refused(tmp_path / "b.pt", r"a compressed record \(a/data.pkl\)")


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ({}, "is not a PyTorch file"),
        ({"../../x": b"1"}, "damaged or cut short"),
        ({"a/data.pkl": b""}, "damaged or cut short"),
        ({"a/data.pkl": b"\x80\x02N.", "b/data.pkl": b"\x80\x02N."}, "damaged or cut short"),
        ({"a/data.pkl": b"\x80\x02N.", "/etc/passwd": b""}, "damaged or cut short"),
        ({"a/data.pkl": b"\x80\x02N.", "a/version": b"999999\n"}, "damaged or cut short"),
        ({"a/data.pkl": b"\x80\x02N.", "a/version": b"3\n", "a/byteorder": b"middle"}, "damaged or cut short"),
        ({"a/data.pkl": b"\x80\x02N.", "a/version": b"3\n"}, "a PyTorch file with a NoneType; expected is"),
    ],
)
def test_archives_that_are_none_of_pytorchs(tmp_path: Path, records: dict[str, bytes], sentence: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for record, raw in records.items():
            archive.writestr(record, raw)
    refused(tmp_path / "a.pt", sentence)


@pytest.mark.parametrize("at", [40, 48], ids=["size", "place"])
@pytest.mark.parametrize("wrong", [b"\x00", b"\x7f", b"\xf0"])
def test_a_table_of_contents_that_is_not_in_the_file(tmp_path: Path, at: int, wrong: bytes) -> None:
    raw = nanogpt(tmp_path / "a.pt").read_bytes()
    at += raw.rindex(b"PK\6\6")
    (tmp_path / "a.pt").write_bytes(raw[:at] + 8 * wrong + raw[at + 8 :])
    refused(tmp_path / "a.pt", "is damaged")


def test_a_changed_weight_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = nanogpt(tmp_path / "a.pt", lm_head__weight=torch.full((5, 4), 1.5))
    raw = bytearray(path.read_bytes())
    raw[raw.index(torch.full((5, 4), 1.5).numpy().tobytes()) + 3] ^= 1
    path.write_bytes(raw)
    refused(path, r"is damaged: the checksum of a/data/\d+ differs; expected is .*download it again")


@pytest.mark.parametrize("protocol", [4, 5])
def test_other_pickle_protocols(tmp_path: Path, protocol: int) -> None:
    torch.save({"model": weights(), "model_args": CONFIG.to_dict()}, tmp_path / "a.pt", pickle_protocol=protocol)
    refused(tmp_path / "a.pt", r"instruction 0x.., which weights do not need, .* another pickle_protocol; in the")


# --- objects and tensors in a pickle


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (print, "builtins?.print|'print"),
    ],
    ids=["module", "function"],
)
def test_objects_beside_the_weights(tmp_path: Path, value: object, told: str) -> None:
    refused(nanogpt(tmp_path / "a.pt", config=value), rf"asks for '?({told})'.*code and not weights.*model.state_dict")


TENSORS: dict[str, tuple[Callable[[], Tensor], str]] = {
    "int8": (lambda: torch.ones(5, 4, dtype=torch.int8), "is of type int8; expected is one of float32, float64, float"),
    "bool": (lambda: torch.ones(5, 4, dtype=torch.bool), "is of type bool"),
    "float8": (lambda: torch.ones(5, 4).to(torch.float8_e4m3fn), "is of type float8_e4m3fn"),
    "complex": (lambda: torch.ones(5, 4, dtype=torch.complex64), "is of type complex64"),
    "csr": (
        lambda: torch.eye(5).to_sparse_csr(),
        "is a sparse tensor; expected is a dense one: save the model's",
    ),
    "no numbers": (lambda: torch.ones(0, 4), r"is \(0, 4\), expected \(5, 4\)"),
    "a number": (lambda: torch.tensor(1.0), r"is \(\), expected \(5, 4\)"),
    "64 dimensions": (lambda: torch.ones((1,) * 64), r"is \(1, 1, 1"),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize(("make", "sentence"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_are_no_weights(tmp_path: Path, make: Callable[[], Tensor], sentence: str) -> None:
    refused(nanogpt(tmp_path / "a.pt", lm_head__weight=make()), f"lm_head.weight {sentence}")


def test_an_invalid_sparse_tensor_anywhere(tmp_path: Path) -> None:
    """Its indices lie far outside: reading its values crashes PyTorch, so no code may read them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = torch.sparse_coo_tensor(torch.tensor([[2**40]]), torch.ones(1), (4,), check_invariants=False)
    refused(nanogpt(tmp_path / "a.pt", lm_head__weight=far), "lm_head.weight is a sparse tensor")
    refused(nanogpt(tmp_path / "a.pt", transformer__h__0__attn__bias=far), "its attention is not causal")
    path = nanogpt(tmp_path / "b.pt", best_val_loss=far, optimizer=far, config=far)
    ckpt = load(path)
    assert "best_val_loss" not in ckpt.info
    assert "the optimizer's state was ignored" in ckpt.info["notices"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    {
        "quantized": (
            call(
                "torch._utils._rebuild_qtensor",
                *(storage("QInt8"), number(0), group(number(4)), group(number(1))),
                *(group(name("torch.per_tensor_affine"), b"G" + bytes(8), number(0)), b"\x89"),
                call("collections.OrderedDict"),
            ),
            "is a quantized tensor; expected is a dense one|damaged",
        ),
        "larger than its storage": (tensor((2**40,)), "is damaged or cut short"),
        "longer than a number": (tensor((2**62, 2**62), (0, 0)), "is damaged or cut short"),
        "negative stride": (tensor((2,), (-1,)), "is damaged or cut short"),
        "negative size": (tensor((-2,)), "is damaged or cut short"),
        "far offset": (tensor((2,), offset=2**62), "is damaged or cut short"),
        "negative offset": (tensor((2,), offset=-5), "is damaged or cut short"),
        "declared storage": (tensor((2,), count=2**50), "claims|holds weights, but no matrix|damaged"),
        "64 GiB of one number": (tensor((2**17, 2**17), (0, 0)), r"claims 68,719,476,736 bytes, but only \d+ are"),
        "a hundred thousand dimensions": (tensor((1,) * 100_000, (1,) * 100_000), "holds weights, but no matrix"),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_tensors_that_no_torch_writes(tmp_path: Path, value: str, sentence: tuple[bytes, str]) -> None:
    raw, expected = sentence
    hostile.write_zip(tmp_path / "a.pt", state(raw))
    assert (tmp_path / "a.pt").stat().st_size < 2e6
    refused(tmp_path / "a.pt", expected)


def test_many_weights_of_one_storage(tmp_path: Path) -> None:
    """A small file can claim much memory: as many views of one storage as it has names."""
    big = torch.zeros(1000, 1000)
    views = {f"transformer.h.{i}.w": big[:, : 1000 - i] for i in range(900)}
    torch.save({"model": views, "model_args": CONFIG.to_dict()}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", r"the weights of .* claim \d,\d{3},\d{3},\d{3} bytes, far more than the file has")
    twins = {f"transformer.h.{i}.w": big for i in range(9000)}
    torch.save({"model": twins, "model_args": CONFIG.to_dict()}, tmp_path / "b.pt")
    refused(tmp_path / "b.pt", r"9000 unexpected: transformer.h.0.w, .* and 8995 more")
    torch.save({"model": {f"{i}": big for i in range(10_001)}}, tmp_path / "c.pt")
    refused(
        tmp_path / "c.pt",
        "holds 10,001 entries, or names of more than 500 characters; a GPT's state dict has at most 10,000: load",
    )


def test_many_layers_that_are_not_there(tmp_path: Path) -> None:
    """Building as many layers as there are weights would take 15 s and 500 MB."""
    empty = dict.fromkeys((f"w{i}" for i in range(9_000)), torch.ones(1))
    args = CONFIG.to_dict() | {"n_layer": 9_000}
    torch.save({"model": empty, "model_args": args}, tmp_path / "a.pt")
    start = time.process_time()  # of only this process, so that other processes do not matter
    refused(tmp_path / "a.pt", r"says 9000 layers \(n_layer\), but there are only 9000 weights")
    assert time.process_time() - start < 5


CAUSAL = torch.ones(8, 8).tril()
MASKS: dict[str, Tensor] = {
    "all": torch.ones(1, 1, 8, 8),
    "window": CAUSAL.triu(-2).view(1, 1, 8, 8),
    "one later": CAUSAL.index_put((torch.tensor(3), torch.tensor(4)), torch.tensor(1.0)).view(1, 1, 8, 8),
    "turned": CAUSAL.t().view(1, 1, 8, 8),
    "added": (1 - CAUSAL).mul(-1e4).view(1, 1, 8, 8),
    "nan": CAUSAL.where(CAUSAL == 0, torch.nan).view(1, 1, 8, 8),
    "complex": CAUSAL.to(torch.complex64).view(1, 1, 8, 8),
    "heads": CAUSAL.expand(1, 2, 8, 8),
    "no square": CAUSAL[:, :7].reshape(1, 1, 8, 7),
    "no mask": torch.ones(12),
    "nothing": torch.ones(1, 1, 0, 0),
    "an exbibyte of one number": torch.ones(1, dtype=torch.uint8).expand(1, 1, 2**30, 2**30),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_stored_mask_that_is_not_causal(tmp_path: Path, mask: Tensor) -> None:
    told = r"stores attention masks other .* \(transformer.h.1.attn.bias\): its attention is not causal, so its numbers"
    both = {"transformer__h__0__attn__bias": CAUSAL.view(1, 1, 8, 8), "transformer__h__1__attn__bias": mask}
    refused(nanogpt(tmp_path / "a.pt", **both), told)
    masks = {key.replace("__", "."): value for key, value in both.items()}
    torch.save(weights() | masks, tmp_path / "b.pt")
    refused(tmp_path / "b.pt", told)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.int64])
def test_a_large_causal_mask_of_any_type(tmp_path: Path, dtype: torch.dtype) -> None:
    """A mask larger than the part compared at a time; one 0 too many in its last row, or one 1 too many, is found."""
    mask = torch.ones(1, 1, 1500, 1500, dtype=dtype).tril()
    path = nanogpt(tmp_path / "a.pt", transformer__h__0__attn__bias=mask)
    assert any("stored causal masks" in notice for notice in load(path).info["notices"])
    for row, column in ((1499, 0), (1498, 1499), (0, 1)):
        changed = mask.clone()
        changed[0, 0, row, column] = 0 if column <= row else 1
        refused(nanogpt(tmp_path / "a.pt", transformer__h__0__attn__bias=changed), "its attention is not causal")


# --- numbers that are not finite


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_finite_numbers_are_told_and_loaded(tmp_path: Path, odd: float) -> None:
    changed = weights()["lm_head.weight"].index_put((torch.tensor(1), torch.tensor(2)), torch.tensor(odd))
    told = "1 weights hold values that are not finite (NaN or infinite): lm_head.weight; values computed from"
    for path in (
        nanogpt(tmp_path / "a.pt", lm_head__weight=changed),
        written(hf(tmp_path / "hf"), hf_weights() | {"lm_head.weight": changed}),
    ):
        ckpt = load(path)
        assert torch.equal(ckpt.model.lm_head.weight.nan_to_num(7), changed.nan_to_num(7))
        assert sum(notice.startswith(told) for notice in ckpt.info["notices"]) == 1
    save(ckpt, tmp_path / "ours")
    assert any(notice.startswith(told) for notice in load(tmp_path / "ours").info["notices"])


# --- safetensors


HEADERS: dict[str, tuple[Any, bytes, str]] = {
    "cut short": (b"{" + b" " * 50, b"", "has a header that is not JSON"),
    "list": ([], b"", "has a header that is not an object"),
    "deep": (b"[" * 500_000, b"", "has a header that is not JSON"),
    "twice": (
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {}}',
        bytes(4),
        r"not JSON with each name once \(a name stands twice\)",
    ),
    "a key twice": (
        b'{"a": {"dtype": "F32", "shape": [1], "shape": [1], "data_offsets": [0, 4]}}',
        bytes(4),
        r"not JSON with each name once \(a name stands twice\)",
    ),
    "no UTF-8": (b'{"\xff": {}}', b"", "has a header that is not JSON"),
    "many": ({f"w{i}": entry([0], 0, 0) for i in range(10_001)}, b"", "declares 10,001 tensors; a GPT has at most 10"),
    "out of range": ({"a": entry([2], 8, 16)}, bytes(8), "describes the tensor a wrongly: type, shape and place do"),
    "negative": ({"a": entry([-1, -1], 0, 4)}, bytes(4), "describes the tensor a wrongly"),
    "backwards": ({"a": entry([0], 4, 0)}, bytes(4), "describes the tensor a wrongly"),
    "other type": ({"a": entry([1], 0, 4, "F33")}, bytes(4), "describes the tensor a wrongly"),
    "true": ({"a": entry([True], 0, 4)}, bytes(4), "describes the tensor a wrongly"),
    "overflow": ({"a": entry([2**32, 2**32], 0, 0)}, b"", "describes the tensor a wrongly"),
    "no entry": ({"a": None}, b"", "describes the tensor a wrongly"),
    "many dimensions": ({"a": entry([4] * 100_000, 0, 4)}, bytes(4), "describes the tensor a wrongly"),
    "overlap": ({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, bytes(16), "is not a safetensors file"),
    "hole": ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12), "should hold 8 bytes .* but holds 12"),
    "more than told": ({"a": entry([1], 0, 4)}, bytes(9), "should hold 4 bytes of tensors by its header, but holds 9"),
    "float8": ({"a": entry([4], 0, 4, "F8_E4M3")}, bytes(4), "a in .* is of type F8_E4M3; expected is one of F64, F32"),
    "integers": ({"a": entry([1], 0, 4, "I32")}, bytes(4), "a in .* is of type I32"),
    "odd names": (
        {"<script>alert(1)</script>": entry([1], 0, 4), "../../x\n\x1b[2J": entry([1], 4, 8)},
        bytes(8),
        r"2 unexpected: transformer.<script>alert\(1\)</script>, 'transformer.../../x\\n\\x1b\[2J'",
    ),
    "half a character": (
        b'{"\\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        bytes(4),
        "is not a saf",
    ),
    "a long name": ({"w" * 900_000: entry([1], 0, 4)}, bytes(4), "1 unexpected: 'transformer.wwwwww"),
    "no object as metadata": ({"__metadata__": 5, "a": entry([1], 0, 4)}, bytes(4), "is not a safetensors file"),
    "nothing": ({}, b"", r"28 missing|29 missing"),
}


@pytest.mark.parametrize(("header", "data", "sentence"), HEADERS.values(), ids=HEADERS)
def test_headers_of_safetensors(tmp_path: Path, header: Any, data: bytes, sentence: str) -> None:
    hostile.write_safetensors(hf(tmp_path / "hf") / "model.safetensors", header, data)
    start = time.process_time()
    refused(tmp_path / "hf", sentence)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        (2**40, "declares a header of 1,099,511,627,776 bytes; a GPT's has at most 1,048,576"),
        (2**64 - 1, "declares a header of 18,446,744,073,709,551,615 bytes"),
        (2**20, r"ends within its header \(10 bytes\)"),
        (0, "has a header that is not JSON"),
    ],
)
def test_lengths_of_headers(tmp_path: Path, length: int, sentence: str) -> None:
    (hf(tmp_path / "hf") / "model.safetensors").write_bytes(length.to_bytes(8, "little") + b"{}")
    refused(tmp_path / "hf", sentence)


# --- Hugging Face folders


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"add_cross_attention": True}, "sets add_cross_attention = True"),
    ({"activation_function": "relu"}, "sets activation_function = 'relu'; known are gelu_new, gelu_pytorch_tanh, gelu"),
    ({"activation_function": ["gelu"]}, r"sets activation_function = \['gelu'\]"),
    ({"activation_function": None}, "sets activation_function = None"),
    ({"n_inner": 17}, "sets n_inner = 17; only 4C = 16 can be shown: load"),
    ({"n_inner": [16]}, r"sets n_inner = \[16\]"),
    ({"n_inner": 16, "n_embd": None}, "n_embd: input should be a valid integer, got None"),
    ({"model_type": "llama"}, "belongs to a 'llama' model; only GPT-2's architecture"),
    ({"model_type": None}, "belongs to a None model"),
    (
        {"n_embd": 6, "n_head": 4},
        "n_embd: 6 does not divide into n_head = 4 equal heads; take a multiple of 4, such as 8",
    ),
    ({"n_embd": 10**4000}, "no model can have these sizes"),
    ({"n_layer": 10**9}, "says 1000000000 layers"),
    ({"n_layer": 10**9, "scale_attn_by_inverse_layer_idx": True}, "says 1000000000 layers"),
    ({"n_layer": -1}, "n_layer: input should be greater than 0, got -1"),
    ({"n_head": 2.0}, "n_head: input should be a valid integer, got 2.0"),
    ({"n_positions": 2**63}, "no model can have these sizes"),
    ({"vocab_size": 2**40}, r"transformer.wte.weight is \(5, 4\), expected \(1099511627776, 4\)"),
    ({"layer_norm_epsilon": 10**400}, "layer_norm_epsilon: input should be a valid number"),
    ({"layer_norm_epsilon": "x" * 10**6}, "layer_norm_epsilon: input should be a valid number"),
    ({"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon: input should be"),
    ({"tie_word_embeddings": "no"}, "tie_weights: input should be a valid boolean, got 'no'"),
    (
        {"num_attention_heads": 4},
        "sets n_head = 2 and num_attention_heads = 4, two names of one size; keep only the right one",
    ),
    ({"hidden_size": None}, "sets n_embd = 4 and hidden_size = null"),
    ({"num_hidden_layers": [2]}, "sets n_layer = 2 and num_hidden_layers = a list"),
    ({"n_layer": 3}, "12 missing: transformer.h.2.ln_1.weight"),
    ({"n_layer": 1}, "12 unexpected: transformer.h.1."),
]


@pytest.mark.parametrize(("config", "sentence"), OPTIONS, ids=lambda value: str(value)[:40])
def test_options_that_make_another_model(tmp_path: Path, config: dict[str, Any], sentence: str) -> None:
    refused(written(hf(tmp_path / "hf", **config), hf_weights()), sentence)


def test_weights_that_are_not_turned(tmp_path: Path) -> None:
    """nanoGPT's matrices in a Hugging Face folder: its writer forgot that Conv1D's are transposed."""
    refused(written(hf(tmp_path / "hf"), weights()), r"c_attn.weight is \(4, 12\), expected \(12, 4\)")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            {"weight_map": {"a": "../x.safetensors"}},
            r"names the shard \.\./x.safetensors, which is not a file of weights in",
        ),
        (
            {"weight_map": {"a": "/etc/passwd"}},
            "names the shard /etc/passwd, which is not a file of weights in the same folder",
        ),
        ({"weight_map": {"a": "C:x.safetensors"}}, "names the shard C:x.safetensors"),
        ({"weight_map": {"a": "..\\x.safetensors"}}, "names the shard"),
        ({"weight_map": {"a": "config.json"}}, "names the shard config.json"),
        ({"weight_map": {"a": ["x.safetensors"]}}, r"names the shard \['x.safetensors'\]"),
        ({"weight_map": {"a": None}}, "names the shard None"),
        ({"weight_map": {"a": "x\n.safetensors"}}, r"lacks x\\n.safetensors"),
        ({"weight_map": {"a": "x" * 300 + ".safetensors"}}, "cannot be read: File name too long"),
        (
            {"weight_map": {"a": "2.safetensors", "b": "1.safetensors"}},
            "lacks 2.safetensors, which holds a part of the",
        ),
        ({"weight_map": {}}, "needs a 'weight_map', an object of weight to file"),
        ({"weight_map": ["1.safetensors"]}, "needs a 'weight_map'"),
        ([], "needs a 'weight_map'"),
        ({"weight_map": {"a": "1.safetensors"}}, "29 missing: .* 1 unexpected: transformer.a"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_indexes_of_shards(tmp_path: Path, content: Any, sentence: str) -> None:
    folder = written(hf(tmp_path / "hf"), {"a": torch.ones(1)}, "1.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))
    written(tmp_path, hf_weights(), "x.safetensors")  # "../" leads to an existing file
    refused(folder, sentence)


def test_a_weight_in_two_shards(tmp_path: Path) -> None:
    folder = hf(tmp_path / "hf")
    for shard in ("1.safetensors", "2.safetensors"):
        written(folder, hf_weights(), shard)
    index = {"weight_map": {"lm_head.weight": "1.safetensors", "transformer.wte.weight": "2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, "holds two weights named transformer.h.0.mlp.c_fc.weight")


def test_a_pickled_shard_that_asks_for_code(tmp_path: Path) -> None:
    folder = hf(tmp_path / "hf")
    hostile.write_zip(folder / "pytorch_model.bin", call("posix.system", text("touch canary")))
    refused(folder, "pytorch_model.bin is a pickle that asks for 'posix.system'")


def test_vocabularies_that_do_not_fit(tmp_path: Path) -> None:
    folder = written(hf(tmp_path / "hf"), hf_weights())
    (folder / "vocab.json").write_text(json.dumps({"a": 0, "b": 1}))

    def told(sentence: str) -> None:
        """Fail unless the model opens with ids, and a notice says why."""
        ckpt = load(folder)
        assert ckpt.tokenizer == IdTokenizer(5)
        (notice,) = [notice for notice in ckpt.info["notices"] if re.search(sentence, notice)]
        assert "Until then text is ids separated by spaces" in notice
        assert notice.isprintable()

    told("the vocabulary in .* cannot be read: there is no merges.txt")
    (folder / "merges.txt").write_text("a c\n")
    told("the vocabulary in .* merges.txt, line 1, .*'ac?'.* vocab.json does not have")
    (folder / "vocab.json").write_bytes(b"[" * 100_000)
    told("the vocabulary in .* cannot be read")
    (folder / "vocab.json").write_bytes(b'{"a": ' + b"[" * 100_000)
    told("the vocabulary in .* nested far deeper")
    (folder / "tokenizer.json").write_text(json.dumps(IdTokenizer(4000).to_json()))
    told(r"tokenizer.json has 4000 ids, but the model has 5 \(vocab_size\), so they belong to different")
    with pytest.raises(VocabularyError, match="has 4000 ids, the model only 5"):
        load(folder, tokenizer=IdTokenizer(4000))


# --- paths


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    nanogpt(tmp_path / "a.pt").chmod(0)
    refused(tmp_path / "a.pt", "a.pt cannot be read: Permission denied; check the file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path / "pipe.pt", tmp_path, Path("/dev/zero")):
        refused(path, "is a pipe or a device, which may never end|is a folder without a model")


def test_odd_file_names(tmp_path: Path) -> None:
    for odd in ("a\nb.pt", "é \u202e.pt", "a;b'\".pt"):
        path = tmp_path / odd
        path.write_bytes(b"x")
        refused(path, "is not a PyTorch file")
        nanogpt(path)
        assert load(path).config.n_embd == 4
    path = nanogpt(tmp_path / "a.pt").rename(tmp_path / "\udcff.pt")  # the byte 0xff
    refused(path, r"/\\udcff.pt has a name that is not UTF-8, which PyTorch cannot open; rename it")


def test_a_module_in_the_working_directory_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrusted checkpoint's folder may hold a torch.py: the sandbox process must start elsewhere."""
    from gptcore.checkpoint.sandbox import client

    for module in ("torch", "json", "gptcore", "safetensors"):
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    nanogpt(tmp_path / "a.pt")
    client._opener.close()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        assert load("a.pt").config.n_embd == 4
    assert not (tmp_path / "canary").exists()


# --- a full disk


def test_a_full_disk_while_converting_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import resource

    from gptcore.checkpoint.__main__ import main

    config = GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=400)  # 7.7 MB
    save(Checkpoint(GPT(config).eval(), IdTokenizer(5), config), tmp_path / "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))  # the system now refuses to write more, as for a full disk
    try:
        status = main(["convert", str(tmp_path / "a"), str(tmp_path / "b")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1
    assert "the weights cannot be written: " in (told := capsys.readouterr().err)
    assert told.rstrip().endswith("nothing was written")
    assert os.listdir(tmp_path) == ["a"]
