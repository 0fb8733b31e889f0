"""Files as other programs write them: objects beside the weights, other names, other containers, other arithmetic."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from gptcore import CheckpointError, GPTConfig, load, save
from gptcore.checkpoint import HeadsUnknownError
from gptcore.checkpoint.sandbox import client
from tests.hostile import refused
from tests.reference import (
    FLOAT32_BOUND,
    agree,
    by_hand,
    gelu,
    gelu_tanh,
    logits_of,
    prompts,
    random_gpt2,
    random_state,
    write_hf,
)

IDS = prompts(61, 16)
SIZES: dict[str, Any] = {"block_size": 16, "vocab_size": 61, "n_layer": 2, "n_head": 2, "n_embd": 24}
ARGS = {**SIZES, "bias": True, "dropout": 0.0}


def right(path: Path, state: dict[str, Tensor], by: Callable[[Tensor], Tensor] = gelu, **options: Any) -> Any:
    """Load, and hold the logits against those computed by hand."""
    ckpt = load(path, **options)
    agree(ckpt.model, by_hand(state, IDS, 2, by), IDS, FLOAT32_BOUND)
    return ckpt


@pytest.fixture
def state() -> dict[str, Tensor]:
    return random_state(tied=True)


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Return the module of somebody's training program, which is not there when the file is loaded."""
    module = types.ModuleType("train_gpt2")

    @dataclasses.dataclass
    class GPTConfig:
        block_size: int = 16
        vocab_size: int = 61
        n_layer: int = 2
        n_head: int = 2
        n_embd: int = 24

    @dataclasses.dataclass(frozen=True, slots=True)
    class Slots:
        lr: float = 0.1

    class EasyDict(dict[str, Any]):
        pass

    for made in (GPTConfig, Slots, EasyDict):
        made.__module__, made.__qualname__ = "train_gpt2", made.__name__
        setattr(module, made.__name__, made)
    monkeypatch.setitem(sys.modules, "train_gpt2", module)
    return module


# ---- plain data beside the weights ---------------------------------------------------------------------------------

OBJECTS: dict[str, Callable[[types.ModuleType], object]] = {
    "a number of NumPy's": lambda _: np.float64(1.5),
    "an array": lambda _: np.arange(5),
    "a large array": lambda _: np.zeros((100, 100)),
    "an array of words": lambda _: np.array(["a", "b"]),
    "a type of NumPy's": lambda _: np.dtype("float32"),
    "a state of its generator": lambda _: np.random.get_state(),
    "a generator": lambda _: np.random.default_rng(0).bit_generator.state,
    "arguments": lambda _: argparse.Namespace(lr=np.float32(0.1), out=pathlib.Path("a/b")),
    "a simple namespace": lambda _: types.SimpleNamespace(a=1),
    "a path": lambda _: pathlib.Path("/a/b"),
    "a path of Windows'": lambda _: pathlib.PureWindowsPath("c:/x"),
    "a dict with a default": lambda _: collections.defaultdict(list, {"a": [1]}),
    "a counter": lambda _: collections.Counter("aab"),
    "a deque": lambda _: collections.deque([1, 2]),
    "a dataclass": lambda theirs: theirs.GPTConfig(),
    "one with slots": lambda theirs: theirs.Slots(),
    "a dict of their own": lambda theirs: theirs.EasyDict(a=1),
    "a class": lambda theirs: theirs.GPTConfig,
    "our own config": lambda _: GPTConfig(**SIZES),
    "sets": lambda _: {"a", "b"},
    "a slice": lambda _: slice(1, 2),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_plain_objects_are_read_and_nothing_of_theirs_is_imported(
    tmp_path: Path, state: dict[str, Tensor], theirs: types.ModuleType, make: Any, legacy: bool
) -> None:
    content = {"model": state, "model_args": ARGS, "config": make(theirs), "extra": [make(theirs)]}
    torch.save(content, tmp_path / "ckpt.pt", _use_new_zipfile_serialization=not legacy)
    del sys.modules["train_gpt2"]
    right(tmp_path / "ckpt.pt", state)
    assert "train_gpt2" not in sys.modules


def test_sizes_and_losses_may_be_numpys(tmp_path: Path, state: dict[str, Tensor]) -> None:
    args = {name: np.int64(value) if type(value) is int else value for name, value in ARGS.items()}
    facts = {"iter_num": np.int32(7), "best_val_loss": np.float64(1.25)}
    torch.save({"model": state, "model_args": args, **facts}, tmp_path / "ckpt.pt")
    ckpt = right(tmp_path / "ckpt.pt", state)
    assert (ckpt.info["iter_num"], ckpt.info["best_val_loss"]) == (7, 1.25)


@pytest.mark.parametrize("as_object", [True, False], ids=["object", "dict"])
def test_build_nanogpts_own_checkpoint(
    tmp_path: Path, state: dict[str, Tensor], theirs: types.ModuleType, as_object: bool
) -> None:
    config = theirs.GPTConfig() if as_object else dict(SIZES)
    torch.save({"model": state, "config": config, "step": 5000, "val_loss": 3.25}, tmp_path / "model_05000.pt")
    ckpt = right(tmp_path / "model_05000.pt", state, gelu_tanh)
    assert (ckpt.info["iter_num"], ckpt.info["best_val_loss"]) == (5000, 3.25)
    (assumed,) = [each for each in ckpt.info["assumptions"] if each["field"] == "activation"]
    assert (assumed["value"], assumed["others"]) == ("gelu_tanh", ["gelu"])
    assert "build-nanogpt" in assumed["why"]


@pytest.mark.parametrize("name", ["config", "hyper_parameters", "args", "model_config"])
def test_sizes_among_the_settings_of_a_training(tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
    settings = argparse.Namespace(n_head=2, learning_rate=0.1, dataset="mine")
    torch.save({"state_dict": state, name: settings}, tmp_path / "ckpt.pt")
    ckpt = right(tmp_path / "ckpt.pt", state)
    assert f"the sizes were read from {name!r}: n_head = 2" in ckpt.info["notices"]


class Called:
    """An object that a pickle makes by calling something."""

    def __init__(self, function: object, *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def test_a_call_is_still_refused(tmp_path: Path, state: dict[str, Tensor], theirs: types.ModuleType) -> None:
    for function, args, told in (
        (print, ("x",), "asks for 'print', which is code and not weights"),
        (theirs.GPTConfig, (1,), r"asks for 'train_gpt2.GPTConfig', which it would call"),
        (types.SimpleNamespace, (), None),
    ):
        torch.save({"model": state, "model_args": ARGS, "x": Called(function, *args)}, tmp_path / "ckpt.pt")
        if told:
            refused(tmp_path / "ckpt.pt", told)
        else:
            right(tmp_path / "ckpt.pt", state)


def test_a_whole_model_is_told_apart(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"model": state, "model_args": ARGS, "ema": nn.Linear(1, 1)}, tmp_path / "ckpt.pt")
    refused(tmp_path / "ckpt.pt", "asks for 'torch.nn.modules.linear.Linear', which is code and not weights")


# ---- the same weights under other names ----------------------------------------------------------------------------

NAMES: dict[str, Callable[[str], str]] = {
    "compiled blocks": lambda name: re.sub(r"(h\.\d+)", r"\1._orig_mod", name),
    "compiled and distributed": lambda name: f"module._orig_mod.{name}",
    "sharded blocks": lambda name: "_fsdp_wrapped_module." + re.sub(r"(h\.\d+)", r"\1._fsdp_wrapped_module", name),
    "checkpointed blocks": lambda name: re.sub(r"(h\.\d+)", r"\1._checkpoint_wrapped_module", name),
    "a trainer's": lambda name: f"model.{name}",
    "a trainer's of a compiled model": lambda name: f"model._orig_mod.{name}",
    "somebody's own": lambda name: f"net.gpt.{name}",
    "without the transformer's": lambda name: name.removeprefix("transformer."),
    "the head of 2019": lambda name: name.replace("lm_head.", "lm_head.decoder."),
}


@pytest.mark.parametrize("rename", NAMES.values(), ids=NAMES)
def test_names_with_additions_anywhere(tmp_path: Path, state: dict[str, Tensor], rename: Callable[[str], str]) -> None:
    torch.save({"model": {rename(k): v for k, v in state.items()}, "model_args": ARGS}, tmp_path / "ckpt.pt")
    ckpt = right(tmp_path / "ckpt.pt", state)
    assert any("prefix" in notice for notice in ckpt.info["notices"]) or rename("lm_head.") != "lm_head."


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "state", "module"])
def test_the_state_dict_under_any_usual_key(tmp_path: Path, state: dict[str, Tensor], key: str) -> None:
    torch.save({key: state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    right(tmp_path / "ckpt.pt", state)
    torch.save({"state": {key: state}, "model_args": ARGS}, tmp_path / "ckpt.pt")
    right(tmp_path / "ckpt.pt", state)


def test_an_averaged_model(tmp_path: Path, state: dict[str, Tensor]) -> None:
    averaged = {"n_averaged": torch.tensor(3), **{f"module.{name}": tensor for name, tensor in state.items()}}
    torch.save({"model": averaged, "model_args": ARGS}, tmp_path / "ckpt.pt")
    right(tmp_path / "ckpt.pt", state)


@pytest.mark.parametrize("prefix", ["", "pretrained_model."])
def test_a_head_beside_the_model_is_left_out_and_told(tmp_path: Path, state: dict[str, Tensor], prefix: str) -> None:
    whole = {prefix + name: tensor for name, tensor in state.items()}
    whole |= {"v_head.summary.weight": torch.ones(1, 24), "score.weight": torch.ones(2, 24)}
    torch.save({"model": whole, "model_args": ARGS}, tmp_path / "ckpt.pt")
    ckpt = right(tmp_path / "ckpt.pt", state)
    told = "2 weights beside the GPT were left out, as transformers does: v_head.summary.weight, score.weight"
    assert told in ckpt.info["notices"]


def test_more_weights_inside_the_model_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    state["transformer.h.0.attn.q_norm.weight"] = torch.ones(12)
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    refused(tmp_path / "ckpt.pt", "1 unexpected: transformer.h.0.attn.q_norm.weight")


def test_two_models_in_a_file(tmp_path: Path, state: dict[str, Tensor]) -> None:
    both = {f"{name}.{key}": tensor for name in ("policy", "ref") for key, tensor in state.items()}
    torch.save({"model": both, "model_args": ARGS}, tmp_path / "ckpt.pt")
    refused(tmp_path / "ckpt.pt", "holds 2 models, with the prefixes 'policy.', 'ref.'")


# ---- other containers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin", "weights.pt"])
@pytest.mark.parametrize("bare", [False, True], ids=["with a head", "without one"])
def test_hugging_faces_layout_as_a_file(tmp_path: Path, file: str, bare: bool) -> None:
    model = random_gpt2()
    weights = {k: v.contiguous() for k, v in (model.transformer if bare else model).state_dict().items()}
    if not bare and model.config.tie_word_embeddings:
        del weights["lm_head.weight"]
    save_file(weights, tmp_path / file) if file.endswith(".safetensors") else torch.save(weights, tmp_path / file)
    expected = logits_of(model, IDS)
    with pytest.raises(HeadsUnknownError):
        load(tmp_path / file)
    (tmp_path / "config.json").write_text(json.dumps(model.config.to_diff_dict()))
    ckpt = load(tmp_path / file)
    agree(ckpt.model, expected, IDS, FLOAT32_BOUND)
    assert "8 weights of Conv1D layers were transposed to nn.Linear's (out, in)" in ckpt.info["notices"]
    (tmp_path / "config.json").unlink()
    agree(load(tmp_path / file, config=ckpt.config).model, expected, IDS, FLOAT32_BOUND)


def test_a_folder_of_2019(tmp_path: Path) -> None:
    model = random_gpt2()
    weights = {k: v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    weights["lm_head.decoder.weight"] = model.lm_head.weight
    torch.save(weights, tmp_path / "pytorch_model.bin")
    config = model.config.to_dict()
    kept = ("initializer_range", "layer_norm_epsilon", "n_embd", "n_head", "n_layer", "n_positions", "vocab_size")
    old = {name: config[name] for name in kept} | {"n_ctx": config["n_positions"]}
    (tmp_path / "config.json").write_text(json.dumps(old))
    ckpt = load(tmp_path)
    agree(ckpt.model, logits_of(model, IDS), IDS, FLOAT32_BOUND)
    assert [each["field"] for each in ckpt.info["assumptions"]] == ["activation"]


def test_accelerates_folder_and_bare_safetensors(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """Weights in nanoGPT's names, with a config from the caller, or from a `config.json` that gptcore.save wrote."""
    del state["lm_head.weight"]
    save_file(state, tmp_path / "model.safetensors")
    torch.save({"state": {}}, tmp_path / "optimizer.bin")
    config = GPTConfig(**ARGS)
    for place in (tmp_path, tmp_path / "model.safetensors"):
        right(place, state | {"lm_head.weight": state["transformer.wte.weight"]}, config=config)
        with pytest.raises(HeadsUnknownError) as asked:
            load(place)
        rest = {name: value for name, value in ARGS.items() if name not in ("n_head", "dropout")}
        assert asked.value.known == rest | {"tie_weights": True, "activation": "gelu"}
    ours = load(tmp_path, config=GPTConfig(**ARGS, activation="gelu_tanh", layer_norm_epsilon=1e-3))
    save(ours, tmp_path / "ours")
    (tmp_path / "config.json").write_bytes((tmp_path / "ours" / "config.json").read_bytes())
    for place in (tmp_path / "model.safetensors",):
        ckpt = load(place)
        assert ckpt.config == ours.config
        assert "assumptions" not in ckpt.info
    raw = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(raw.replace('"n_head": 2', '"n_head": 4'))
    with pytest.raises(CheckpointError, match="was changed since it was written"):
        load(tmp_path / "model.safetensors")


def test_a_file_of_our_own_folder_is_that_folder(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    save(load(tmp_path / "ckpt.pt"), tmp_path / "ours")
    assert right(tmp_path / "ours" / "model.safetensors", state).info["format"] == "gptscope"


def test_files_of_other_kinds_are_called_by_their_names(tmp_path: Path, state: dict[str, Tensor]) -> None:
    np.savez(tmp_path / "a.npz", *(tensor.numpy() for tensor in state.values()))
    refused(tmp_path / "a.npz", r"is a NumPy archive \(\.npz\) of 29 arrays")
    np.savez_compressed(tmp_path / "b.npz", a=np.ones(1000))
    refused(tmp_path / "b.npz", r"is a NumPy archive \(\.npz\) of 1 arrays")
    np.save(tmp_path / "c.npy", np.ones(3))
    refused(tmp_path / "c.npy", r"is a NumPy array \(\.npy\)")
    (tmp_path / "d.gguf").write_bytes(b"GGUF" + bytes(100))
    refused(tmp_path / "d.gguf", "is a GGUF file")


def test_a_folder_of_checkpoints_names_them(tmp_path: Path) -> None:
    for step in (500, 1000):
        write_hf(tmp_path / f"checkpoint-{step}", random_gpt2().config, random_gpt2().state_dict(), "model.safetensors")
    with pytest.raises(CheckpointError, match=r"checkpoint-1000, checkpoint-500; give the path of one"):
        load(tmp_path)


DISTRIBUTED = """
import os, sys, torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}/store", rank=0, world_size=1)
mesh = init_device_mesh("cpu", (1,))
content = torch.load(f"{sys.argv[1]}/ckpt.pt")
whole = content["model"]
for placement, name in ((Replicate(), "full"), (Shard(0), "one")):
    content["model"] = {k: DTensor.from_local(v, mesh, [placement]) for k, v in whole.items()}
    torch.save(content, f"{sys.argv[1]}/{name}.pt")
part = {k: DTensor.from_local(v, mesh, [Shard(0)], run_check=False, shape=torch.Size((2 * v.size(0), *v.shape[1:])),
        stride=v.stride()) for k, v in whole.items()}
torch.save({**content, "model": part}, f"{sys.argv[1]}/part.pt")
dist.destroy_process_group()
"""


def test_distributed_tensors_are_read_where_they_are_whole(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 60.0)  # each fork imports torch.distributed, on a busy machine for seconds
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    subprocess.run([sys.executable, "-W", "ignore", "-c", DISTRIBUTED, str(tmp_path)], check=True, capture_output=True)
    for name in ("full", "one"):
        right(tmp_path / f"{name}.pt", state)
    told = r"distributed tensor \(DTensor, .*\) of the shape \(122, 24\), of which \(61, 24\) is here.*full_state_dict"
    refused(tmp_path / "part.pt", told)


# ---- other arithmetic ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"scale_attn_by_inverse_layer_idx": True},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
        {"reorder_and_upcast_attn": True},
    ],
    ids=lambda options: " ".join(options),
)
def test_scales_of_attention_are_folded_into_the_queries(tmp_path: Path, options: dict[str, Any]) -> None:
    model = random_gpt2(n_layer=3)
    for name, value in options.items():
        setattr(model.config, name, value)
    upcast = options.get("reorder_and_upcast_attn", False)  # transformers does it in float32 alone
    model = GPT2LMHeadModel(model.config).to(torch.float32 if upcast else torch.float64).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    write_hf(tmp_path, model.config, model.state_dict(), "model.safetensors")
    ckpt = load(tmp_path)
    agree(ckpt.model, logits_of(model, IDS), IDS, FLOAT32_BOUND if upcast else 1e-9)
    told = " ".join(ckpt.info["notices"])
    for name in options:
        assert (name in told) == (name != "reorder_and_upcast_attn")


def test_a_given_config_does_not_hide_the_scales_of_the_folder(tmp_path: Path) -> None:
    made = random_gpt2(n_layer=3)
    made.config.scale_attn_by_inverse_layer_idx = True
    model = GPT2LMHeadModel(made.config).double().eval()
    model.load_state_dict(made.state_dict())
    write_hf(tmp_path, model.config, model.state_dict(), "model.safetensors")
    config = load(tmp_path).config
    for place in (tmp_path, tmp_path / "model.safetensors"):
        agree(load(place, config=config).model, logits_of(model, IDS), IDS)


def test_two_matrices_under_the_flag_that_ties_them_are_read_as_transformers_reads_them(tmp_path: Path) -> None:
    model = random_gpt2(tie_word_embeddings=False)
    write_hf(tmp_path, model.config, model.state_dict(), "model.safetensors")
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | {"tie_word_embeddings": True}))
    ckpt = load(tmp_path)
    judge = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert not torch.equal(judge.lm_head.weight, judge.transformer.wte.weight)
    agree(ckpt.model, logits_of(judge, IDS), IDS)
    assert any("both are used, as transformers 5 does" in notice for notice in ckpt.info["notices"])


# ---- assumptions ---------------------------------------------------------------------------------------------------


def test_what_a_file_leaves_open_is_told_with_the_other_one_argument_away(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    ckpt = right(tmp_path / "ckpt.pt", state)
    fields = {each["field"]: (each["value"], each["others"][0]) for each in ckpt.info["assumptions"]}
    assert fields == {"activation": ("gelu", "gelu_tanh"), "layer_norm_epsilon": (1e-5, 1e-6)}
    assert any("14 June 2023" in notice for notice in ckpt.info["notices"])
    other = right(tmp_path / "ckpt.pt", state, gelu_tanh, activation="gelu_tanh")
    assert [each["field"] for each in other.info["assumptions"]] == ["layer_norm_epsilon"]
    assert not any("14 June 2023" in notice for notice in other.info["notices"])
    assert "activation = 'gelu_tanh', as it was asked for" in other.info["notices"]
    assert load(tmp_path / "ckpt.pt", layer_norm_epsilon=1e-3).config.layer_norm_epsilon == 1e-3
    for wrong in ({"activation": "relu"}, {"layer_norm_epsilon": -1.0}):
        with pytest.raises(ValueError, match=r"activation|layer_norm_epsilon"):
            load(tmp_path / "ckpt.pt", **wrong)


def test_what_a_file_tells_is_no_assumption(tmp_path: Path, state: dict[str, Tensor]) -> None:
    ours = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-5, "tie_weights": True}
    torch.save({"model": state, "model_args": ARGS | ours}, tmp_path / "ckpt.pt")
    assert "assumptions" not in right(tmp_path / "ckpt.pt", state, gelu_tanh).info


def test_an_assumption_outlives_saving(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    before = load(tmp_path / "ckpt.pt")
    save(before, tmp_path / "ours")
    again = load(tmp_path / "ours")
    assert again.info["assumptions"] == before.info["assumptions"]
    assert any("activation = 'gelu' is assumed" in notice for notice in again.info["notices"])


@pytest.mark.parametrize(
    "assumptions",
    [7, [7], [{}], [{"field": "n_layer", "value": 2, "others": [3], "why": "x"}],
     [{"field": "activation", "value": "gelu", "others": ["relu"], "why": "x"}],
     [{"field": "activation", "value": "gelu", "others": ["gelu_tanh"], "why": ["x"]}]],
    ids=["a number", "numbers", "nothing", "a size", "another activation", "no sentence"],
)  # fmt: skip
def test_what_a_stranger_calls_an_assumption_is_none(
    tmp_path: Path, state: dict[str, Tensor], assumptions: object
) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    before = load(tmp_path / "ckpt.pt")
    before.info["assumptions"] = assumptions
    save(before, tmp_path / "ours")
    assert "assumptions" not in load(tmp_path / "ours").info


@pytest.mark.parametrize(("value", "told"), [(True, "true"), (50.0, "50.0"), ("rope", "'rope'")])
def test_options_of_a_fork_are_told(tmp_path: Path, state: dict[str, Tensor], value: object, told: str) -> None:
    args = ARGS | {"odd\nname\x1b[2J": 1, "softcap": value, "rope": False, "window": None}
    torch.save({"model": state, "model_args": args}, tmp_path / "ckpt.pt")
    ckpt = load(tmp_path / "ckpt.pt")
    assert all(notice.isprintable() for notice in ckpt.info["notices"])
    (notice,) = [notice for notice in ckpt.info["notices"] if "passed over" in notice and "odd" not in notice]
    assert notice.startswith(f"softcap was passed over: the file sets it to {told}, and nanoGPT has no such option")


# ---- the process apart ---------------------------------------------------------------------------------------------


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch) -> Iterator[client._Opener]:
    """Return a process of its own for a test, not yet started."""
    made = client._Opener()
    monkeypatch.setattr(client, "_opener", made)
    yield made
    made.close()


def test_what_the_process_apart_says_when_it_ends_is_told(
    tmp_path: Path, state: dict[str, Tensor], opener: client._Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It imports from all places of which this process does: here one that only `sys.path` names."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "says_why.py").write_text("raise RuntimeError('no such library')")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "elsewhere")])
    monkeypatch.setattr(opener, "module", "says_why")
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    refused(tmp_path / "ckpt.pt", r"the process that opens checkpoints ended \(RuntimeError: no such library\)")


def test_a_python_that_cannot_be_started_is_told(
    tmp_path: Path, state: dict[str, Tensor], opener: client._Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    refused(tmp_path / "ckpt.pt", r"no-python cannot be started: No such file or directory")


def test_packages_that_only_sys_path_names_are_found(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """As with `pip install --target`, or a Python inside another program: no site-packages of its own."""
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    load_it = f"import gptcore; print(gptcore.load({str(tmp_path / 'ckpt.pt')!r}).config)"
    script = f"import sys; sys.path[:] = {sys.path!r}; {load_it}"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    isolated = [sys.executable, "-S", "-c", script]  # without site-packages
    done = subprocess.run(isolated, capture_output=True, text=True, env=clean, cwd=tmp_path, check=False)
    assert "n_embd=24" in done.stdout, done.stderr
