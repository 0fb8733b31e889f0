"""Saving and loading give back the same model, bit for bit, also from nanoGPT's files; a notice tells each change."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gptcore.checkpoint import Checkpoint, CheckpointError, load, save, shipped, shipped_models
from gptcore.checkpoint.assumptions import sentence
from gptcore.checkpoint.formats import native
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.tokenizer import CharTokenizer, IdTokenizer, Tokenizer

IDX = torch.tensor([[1, 2, 3, 0]])


def tiny(seed: int = 0, tokenizer: Tokenizer | None = None, **changes: Any) -> Checkpoint:
    """Make a small random model; its biases and layer norms are random, too, so that a lost one is noticed."""
    sizes = {"block_size": 8, "vocab_size": 5, "n_layer": 2, "n_head": 2, "n_embd": 4}
    config = GPTConfig(**(sizes | changes))
    generator = torch.Generator().manual_seed(seed)
    model = GPT(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return Checkpoint(model, tokenizer or CharTokenizer("abcd\n"), config, {"iter_num": 7, "best_val_loss": 1.5})


def logits(ckpt: Checkpoint) -> Tensor:
    with torch.no_grad():
        return ckpt.model(IDX, targets=IDX)[0]


def nanogpt_dict(ckpt: Checkpoint, **changes: Any) -> dict[str, Any]:
    """Return the content of a file as nanoGPT's `train.py` stores it."""
    keep = ("n_layer", "n_head", "n_embd", "block_size", "bias", "vocab_size", "dropout")
    return {
        "model": ckpt.model.state_dict(),
        "optimizer": {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": []},
        "model_args": {name: ckpt.config.to_dict()[name] for name in keep},
        "iter_num": 7,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "shakespeare_char", "learning_rate": 1e-3, "compile": True, "betas": [0.9, 0.95]},
    } | changes


# --- the gptscope folder


@settings(max_examples=6, deadline=None)
@given(
    config=st.fixed_dictionaries(
        {
            "n_layer": st.integers(1, 3),
            "n_head": st.sampled_from([1, 2, 4]),
            "vocab_size": st.integers(5, 9),
            "bias": st.booleans(),
            "tie_weights": st.booleans(),
            "activation": st.sampled_from(["gelu", "gelu_tanh"]),
            "layer_norm_epsilon": st.sampled_from([1e-5, 1e-6]),
        }
    )
)
def test_saved_and_loaded_is_the_same(tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]) -> None:
    ckpt, folder = tiny(**config), tmp_path_factory.mktemp("own") / "model"
    save(ckpt, folder)
    again = load(folder)
    assert torch.equal(logits(again), logits(ckpt))
    assert (again.config, again.tokenizer) == (ckpt.config, ckpt.tokenizer)
    assert again.model.state_dict().keys() == ckpt.model.state_dict().keys()
    tied = again.model.lm_head.weight is again.model.get_parameter("transformer.wte.weight")
    assert tied == again.config.tie_weights
    assert not again.model.training
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in again.model.parameters())


def test_info_tells_where_it_came_from(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "a")
    info = load(tmp_path / "a").info
    assert info == {
        "iter_num": 7,
        "best_val_loss": 1.5,
        "format": "gptscope",
        "source": str(tmp_path / "a"),
        "notices": [],
    }
    save(load(tmp_path / "a"), tmp_path / "b")  # notices of that loading are not saved
    assert (tmp_path / "a/config.json").read_bytes() == (tmp_path / "b/config.json").read_bytes()


def test_half_precision_is_stored_half_and_loaded_whole(tmp_path: Path) -> None:
    ckpt = tiny(n_embd=64)
    save(ckpt, tmp_path / "whole")
    save(ckpt, tmp_path / "half", dtype=torch.float16)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    again = load(tmp_path / "half")
    assert again.info["notices"] == ["weights stored as float16 were converted to float32"]
    for name, tensor in ckpt.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor.half().float())


def test_double_precision_stays(tmp_path: Path) -> None:
    ckpt = tiny()
    ckpt.model.double()
    save(ckpt, tmp_path / "a")
    assert torch.equal(logits(load(tmp_path / "a")), logits(ckpt))
    assert logits(load(tmp_path / "a")).dtype == torch.float64


def test_a_tied_head_is_stored_once(tmp_path: Path) -> None:
    from safetensors import safe_open

    for tie in (True, False):
        save(tiny(tie_weights=tie), tmp_path / str(tie))
        with safe_open(tmp_path / str(tie) / "model.safetensors", framework="pt") as file:
            assert ("lm_head.weight" in file.keys()) is not tie  # noqa: SIM118


def test_rewriting_the_file_does_not_change_loaded_weights(tmp_path: Path) -> None:
    save(tiny(n_embd=64), tmp_path / "a")
    ckpt = load(tmp_path / "a")
    before = logits(ckpt)
    path = tmp_path / "a/model.safetensors"
    with path.open("r+b") as file:  # in place: the same inode, as a mapping of the file would see
        file.write(bytes(path.stat().st_size))
    assert torch.equal(logits(ckpt), before)


def test_loading_draws_no_random_numbers_and_owns_each_weight(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "a")
    torch.save(nanogpt_dict(tiny()), tmp_path / "ckpt.pt")
    before = torch.get_rng_state()
    for ckpt in (load(tmp_path / "a"), load(tmp_path / "ckpt.pt")):
        storages = [parameter.untyped_storage() for parameter in ckpt.model.parameters()]
        assert len({storage.data_ptr() for storage in storages}) == len(storages)
        assert all(p.nbytes == s.nbytes() for p, s in zip(ckpt.model.parameters(), storages, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_arguments_win_over_the_folder(tmp_path: Path) -> None:
    ckpt = tiny()
    save(ckpt, tmp_path / "a")
    other = GPTConfig.from_dict(ckpt.config.to_dict() | {"activation": "gelu_tanh"})
    again = load(tmp_path / "a", config=other, tokenizer=IdTokenizer(3))
    assert again.config == other
    assert again.tokenizer == IdTokenizer(3)
    assert again.info["notices"] == [
        "the given config replaced the file's own activation 'gelu' by 'gelu_tanh'",
        "the model has 5 ids, the tokenizer 3: all are kept, and ids from 3 on are shown as 'unused'",
    ]


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_any_flipped_byte_is_found(tmp_path: Path, file: str) -> None:
    save(tiny(n_layer=1), tmp_path / "a")
    path = tmp_path / "a" / file
    raw = path.read_bytes()
    step = 37 if file == "model.safetensors" else 1
    flips = [(position, 1 << position % 8) for position in [*range(0, len(raw), step), len(raw) - 1]]
    if b"1e-05" in raw:
        flips.append((raw.index(b"e-05"), 0x20))  # 1E-05, which JSON reads as the same number
    for position, mask in flips:
        changed = bytearray(raw)
        changed[position] ^= mask
        path.write_bytes(changed)
        with pytest.raises(CheckpointError):
            load(tmp_path / "a")
    path.write_bytes(raw)
    load(tmp_path / "a")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_any_changed_length_is_found(tmp_path: Path, file: str) -> None:
    save(tiny(n_layer=1), tmp_path / "a")
    path = tmp_path / "a" / file
    raw = path.read_bytes()
    for changed in (raw[:-1], raw + b"\n", b" " + raw, b""):
        path.write_bytes(changed)
        with pytest.raises(CheckpointError):
            load(tmp_path / "a")


# --- saving: all or nothing


def test_a_folder_of_ours_is_replaced_and_its_other_files_are_kept(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "a")
    (tmp_path / "a/README.md").write_text("the card")
    (tmp_path / "a/curves").mkdir()
    (tmp_path / "a/curves/config.json").write_text("another's")
    new = tiny(seed=1)
    save(new, tmp_path / "a")
    assert torch.equal(logits(load(tmp_path / "a")), logits(new))
    assert (tmp_path / "a/README.md").read_text() == "the card"
    assert (tmp_path / "a/curves/config.json").read_text() == "another's"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", ["save_file", "_sealed", "_swap"])
@pytest.mark.parametrize("there_before", [True, False])
def test_an_interrupted_save_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, error: Any, there_before: bool
) -> None:
    old = tiny()
    if there_before:
        save(old, tmp_path / "a")

    def interrupt(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(native, at, interrupt)
        with pytest.raises((KeyboardInterrupt, OSError)):
            save(tiny(seed=1), tmp_path / "a")
    assert os.listdir(tmp_path) == (["a"] if there_before else [])
    if there_before:
        assert torch.equal(logits(load(tmp_path / "a")), logits(old))


def test_an_interrupt_between_the_two_renames_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, rename = tiny(), Path.rename
    save(old, tmp_path / "a")

    def second_fails(self: Path, target: Path) -> Path:
        if target == tmp_path / "a" and (self / "config.json").exists() and not calls:
            calls.append(self)
            raise KeyboardInterrupt
        return rename(self, target)

    calls: list[Path] = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", second_fails)
        with pytest.raises(KeyboardInterrupt):
            save(tiny(seed=1), tmp_path / "a")
    assert calls
    assert os.listdir(tmp_path) == ["a"]
    assert torch.equal(logits(load(tmp_path / "a")), logits(old))


# --- nanoGPT's ckpt.pt


@pytest.mark.parametrize("bias", [True, False])
def test_nanogpt_checkpoint(tmp_path: Path, bias: bool) -> None:
    ckpt = tiny(bias=bias)
    torch.save(nanogpt_dict(ckpt), tmp_path / "any name")
    again = load(tmp_path / "any name")
    assert torch.equal(logits(again), logits(ckpt))
    assert again.config == ckpt.config
    assert again.tokenizer == IdTokenizer(5)
    assert again.model.lm_head.weight is again.model.get_parameter("transformer.wte.weight")
    assert not again.model.training
    assumed = again.info.pop("assumptions")
    assert {each["field"]: each["value"] for each in assumed} == {"activation": "gelu", "layer_norm_epsilon": 1e-5}
    assert again.info == {
        "format": "nanogpt",
        "source": str(tmp_path / "any name"),
        "iter_num": 7,
        "best_val_loss": 1.5,
        "train_config": {"dataset": "shakespeare_char", "learning_rate": 1e-3, "compile": True},
        "notices": [
            "the optimizer's state was ignored",
            *map(sentence, assumed),
            "there is no vocabulary: text is ids separated by spaces; pass tokenizer=... for words",
        ],
    }
    save(again, tmp_path / "folder")
    assert torch.equal(logits(load(tmp_path / "folder")), logits(ckpt))


def test_the_optimizers_memory_and_legacy_containers_do_not_matter(tmp_path: Path) -> None:
    ckpt = tiny()
    torch.save(nanogpt_dict(ckpt, best_val_loss=1.5), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(logits(load(tmp_path / "a.pt")), logits(ckpt))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_prefixes_are_taken_off(tmp_path: Path, prefix: str) -> None:
    ckpt = tiny()
    state = {prefix + name: tensor for name, tensor in ckpt.model.state_dict().items()}
    torch.save(nanogpt_dict(ckpt, model=state), tmp_path / "a.pt")
    again = load(tmp_path / "a.pt")
    assert torch.equal(logits(again), logits(ckpt))
    assert any("prefix" in notice and prefix.split(".")[0] in notice for notice in again.info["notices"])


def test_old_masks_are_ignored_and_padding_is_kept(tmp_path: Path) -> None:
    ckpt = tiny(vocab_size=8)
    masks = {f"transformer.h.{i}.attn.bias": torch.ones(1, 1, 8, 8).tril() for i in range(2)}
    masks["transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    content = nanogpt_dict(ckpt, model=ckpt.model.state_dict() | masks)
    torch.save(content, tmp_path / "a.pt")
    again = load(tmp_path / "a.pt", tokenizer=CharTokenizer("abcd\n"))
    assert torch.equal(logits(again), logits(ckpt))
    assert logits(again).shape[-1] == 8
    assert again.tokenizer.label(6) == "unused (6)"
    assert (
        "3 stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights"
        in again.info["notices"]
    )
    assert any("8 ids, the tokenizer 5" in notice for notice in again.info["notices"])


def test_a_file_written_on_a_gpu_loads_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt = tiny()
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(nanogpt_dict(ckpt), tmp_path / "a.pt")
    assert b"cuda:0" in (tmp_path / "a.pt").read_bytes()
    assert torch.equal(logits(load(tmp_path / "a.pt")), logits(ckpt))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_load_onto_a_gpu(tmp_path: Path) -> None:
    ckpt = tiny()
    save(ckpt, tmp_path / "a")
    model = load(tmp_path / "a", device="cuda").model
    assert {parameter.device.type for parameter in model.parameters()} == {"cuda"}
    assert model.lm_head.weight is model.get_parameter("transformer.wte.weight")
    with torch.no_grad():
        assert torch.allclose(model(IDX.cuda(), targets=IDX.cuda())[0].cpu(), logits(ckpt), atol=1e-4)


def test_our_trainers_additions_are_honoured(tmp_path: Path) -> None:
    ckpt = tiny(tie_weights=False, activation="gelu_tanh", layer_norm_epsilon=1e-3)
    content = nanogpt_dict(ckpt, model_args=ckpt.config.to_dict(), tokenizer=ckpt.tokenizer.to_json())
    torch.save(content, tmp_path / "best.pt")
    again = load(tmp_path / "best.pt")
    assert (again.config, again.tokenizer) == (ckpt.config, ckpt.tokenizer)
    assert torch.equal(logits(again), logits(ckpt))


def test_a_tokenizer_of_ours_beside_the_file_is_taken(tmp_path: Path) -> None:
    ckpt = tiny()
    torch.save(nanogpt_dict(ckpt), tmp_path / "ckpt.pt")
    (tmp_path / "tokenizer.json").write_text(json.dumps(ckpt.tokenizer.to_json()))
    again = load(tmp_path / "ckpt.pt")
    assert again.tokenizer == ckpt.tokenizer
    assert "the vocabulary was read from tokenizer.json beside the file" in again.info["notices"]
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE"}}')
    without = load(tmp_path / "ckpt.pt")
    assert without.tokenizer == IdTokenizer(5)
    assert re.search(r"vocabulary in .* cannot be read: .*text is ids", " ".join(without.info["notices"]))
    assert load(tmp_path / "ckpt.pt", tokenizer="ids").tokenizer == IdTokenizer(5)
    assert load(tmp_path / "ckpt.pt", tokenizer=CharTokenizer("xy")).tokenizer == CharTokenizer("xy")


def test_what_is_inferred_is_said(tmp_path: Path) -> None:
    ckpt = tiny(tie_weights=False, bias=False)
    content = nanogpt_dict(ckpt)
    del content["model_args"]["bias"]
    content["model_args"]["window"] = 3
    torch.save(content, tmp_path / "a.pt")
    again = load(tmp_path / "a.pt")
    assert again.config == ckpt.config
    assert torch.equal(logits(again), logits(ckpt))
    said = " | ".join(again.info["notices"])
    for told in (
        "no bias; False was inferred",
        "the head is not tied",
        "window was passed over: the file sets it to 3, and nanoGPT has no such option",
    ):
        assert told in said


def test_other_precisions_and_shared_memory_in_a_file(tmp_path: Path) -> None:
    ckpt = tiny(block_size=5)
    state = ckpt.model.state_dict()
    state["transformer.wpe.weight"] = state["transformer.wte.weight"]  # two weights, one storage
    big = torch.randn(100, 4)
    state["transformer.h.0.ln_1.weight"] = big[3]  # a view into a larger storage
    state["transformer.h.1.ln_1.weight"] = state["transformer.h.1.ln_1.weight"].bfloat16()
    torch.save(nanogpt_dict(ckpt, model=state), tmp_path / "a.pt")
    again = load(tmp_path / "a.pt").model
    assert torch.equal(again.get_parameter("transformer.h.0.ln_1.weight"), big[3])
    storages = [parameter.untyped_storage() for parameter in again.parameters()]
    assert len({storage.data_ptr() for storage in storages}) == len(storages)
    assert sum(storage.nbytes() for storage in storages) == sum(p.nbytes for p in again.parameters())
    assert "weights stored as bfloat16 were converted to float32" in load(tmp_path / "a.pt").info["notices"]


def test_a_config_for_a_file_that_has_none(tmp_path: Path) -> None:
    ckpt = tiny()
    torch.save(nanogpt_dict(ckpt, model_args=None), tmp_path / "a.pt")
    assert torch.equal(logits(load(tmp_path / "a.pt", config=ckpt.config)), logits(ckpt))


# --- shipped models


def test_shipped_models_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "gptcore")
    assert shipped_models() == []
    ckpt = tiny()
    save(ckpt, tmp_path / "assets/checkpoints/one")  # as in the repository
    (tmp_path / "assets/checkpoints/notes").mkdir()
    assert shipped_models() == ["one"]
    assert torch.equal(logits(load("one")), logits(ckpt))
    save(tiny(), tmp_path / "gptcore/checkpoints/two")  # as in a wheel, which wins
    assert shipped_models() == ["two"]
    monkeypatch.chdir(tmp_path)
    save(tiny(seed=1), "two")  # a shipped name wins over a path of the same spelling
    assert load("two").info["source"] != load("./two").info["source"]


def test_each_shipped_model_loads() -> None:
    for name in shipped_models():
        assert load(name).info["format"] == "gptscope"
