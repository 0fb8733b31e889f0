"""A loaded checkpoint computes the same logits as the program that made it, at all positions, in float64.

The reference for Hugging Face's folders is transformers itself; for nanoGPT's and minGPT's files, a GPT written by
hand. `test_injected_bugs.py` shows that this comparison finds mistakes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from gptcore import Checkpoint, CheckpointError, GPTConfig, load, save
from gptcore.tokenizer import CharTokenizer
from tests.reference import (
    CONTAINERS,
    FLOAT32_BOUND,
    agree,
    by_hand,
    gelu,
    gelu_tanh,
    logits_of,
    masks_of,
    mingpt_config,
    mingpt_file,
    prompts,
    random_gpt2,
    random_state,
    write_hf,
)

ASSUMED = [
    "activation = 'gelu' is assumed: the file does not tell which GELU it was trained with; nanoGPT had the tanh GELU "
    "until 14 June 2023, and build-nanogpt has it; load(..., activation='gelu_tanh') takes the other, or pass "
    "config=GPTConfig(..., activation='gelu_tanh')",
    "layer_norm_epsilon = 1e-05 is assumed: the file does not tell it; nanoGPT has no other; "
    "load(..., layer_norm_epsilon=1e-06) takes another, or pass config=GPTConfig(..., layer_norm_epsilon=1e-06)",
]
NO_WORDS = "there is no vocabulary: text is ids separated by spaces; pass tokenizer=... for words"
TRANSPOSED = "8 weights of Conv1D layers were transposed to nn.Linear's (out, in)"
MASKS = "{} stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights"
OPTIONS: dict[str, dict[str, Any]] = {
    "one head": {"n_head": 1, "n_embd": 8, "n_layer": 1, "activation_function": "gelu_new"},
    "untied": {"n_head": 2, "tie_word_embeddings": False, "activation_function": "gelu_pytorch_tanh"},
    "exact": {"n_head": 3, "activation_function": "gelu", "embedding": 0.03},
    "epsilon": {"n_head": 4, "n_layer": 3, "layer_norm_epsilon": 1e-3, "embedding": 0.03},
    "all square": {"n_head": 2, "vocab_size": 24, "n_positions": 24, "tie_word_embeddings": False},
}
"""Changes of GPT-2's config; "all square" has V = T = C, so that no shape distinguishes a matrix from its transpose."""


def same_when_saved(ckpt: Checkpoint, folder: Path) -> None:
    """Fail unless a saved gptscope folder gives back exactly the same weights, config and tokenizer."""
    save(ckpt, folder)
    again = load(folder)
    ours, theirs = ckpt.model.state_dict(), again.model.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == theirs[name].dtype
        assert torch.equal(tensor, theirs[name]), name
    assert (again.config, again.tokenizer) == (ckpt.config, ckpt.tokenizer)


# --- Hugging Face


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_gpt2_with_any_options_from_any_container(tmp_path: Path, options: dict[str, Any], container: str) -> None:
    theirs = random_gpt2(**options)
    ids = prompts(theirs.config.vocab_size, theirs.config.n_positions)
    tied = theirs.config.tie_word_embeddings
    state = {name: tensor for name, tensor in theirs.state_dict().items() if not (tied and name == "lm_head.weight")}
    write_hf(tmp_path / "hf", theirs.config, state, container)
    ckpt = load(tmp_path / "hf")
    agree(ckpt.model, logits_of(theirs, ids), ids)
    assert ckpt.config.tie_weights == tied == (ckpt.model.lm_head.weight is ckpt.model.transformer.wte.weight)
    assert ckpt.info["format"] == "huggingface"
    same_when_saved(ckpt, tmp_path / "ours")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("prefix", ["transformer.", ""])
@pytest.mark.parametrize("masks", [True, False], ids=["masks", "no masks"])
@pytest.mark.parametrize("head", [True, False], ids=["head", "no head"])
def test_what_versions_of_transformers_wrote(
    tmp_path: Path, container: str, prefix: str, masks: bool, head: bool
) -> None:
    theirs = random_gpt2()
    ids = prompts(61, 16)
    state = {name.replace("transformer.", prefix): tensor for name, tensor in theirs.state_dict().items()}
    if not head:
        del state["lm_head.weight"]
    if masks:
        state = masks_of(2, 16, prefix) | state
    write_hf(tmp_path / "hf", theirs.config, state, container)
    ckpt = load(tmp_path / "hf")
    agree(ckpt.model, logits_of(theirs, ids), ids)
    assert ckpt.model.lm_head.weight is ckpt.model.transformer.wte.weight
    ignored = [MASKS.format(4)] if masks else []  # once, not for each of several files
    added = ["28 weights had no prefix 'transformer.'; it was added"] if not prefix else []
    assert ckpt.info["notices"] == [*ignored, *added, TRANSPOSED, NO_WORDS]
    same_when_saved(ckpt, tmp_path / "ours")


def by_transformers(folder: Path) -> GPT2LMHeadModel:
    """Load the folder with transformers itself."""
    model: Any = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager")
    read: GPT2LMHeadModel = model.eval()
    return read


ALIASES = {
    "n_head": "num_attention_heads",
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_positions": "max_position_embeddings",
}


@pytest.mark.parametrize("names", [["n_head"], list(ALIASES)], ids=["heads", "all"])
@pytest.mark.parametrize("both", [True, False], ids=["both names", "alias"])
def test_sizes_by_their_other_names(tmp_path: Path, names: list[str], both: bool) -> None:
    """The width divides into GPT-2's own 12 heads as well, so that only the numbers can reveal a mistake."""
    theirs = random_gpt2(n_head=2, n_layer=3)
    write_hf(tmp_path, theirs.config, theirs.state_dict(), "model.safetensors")
    content = json.loads((tmp_path / "config.json").read_text())
    content |= {ALIASES[name]: content[name] for name in names}
    for name in names if not both else ():
        del content[name]
    (tmp_path / "config.json").write_text(json.dumps(content))
    ids = prompts(61, 16)
    again = by_transformers(tmp_path)
    ckpt = load(tmp_path)
    agree(ckpt.model, logits_of(again, ids), ids)
    assert ckpt.config.n_head == 2
    assert not any("sizes" in notice for notice in ckpt.info["notices"])


def test_a_size_that_is_not_told_is_gpt2s_and_that_is_said(tmp_path: Path) -> None:
    theirs = random_gpt2(n_head=12)
    write_hf(tmp_path, theirs.config, theirs.state_dict(), "model.safetensors")
    content = json.loads((tmp_path / "config.json").read_text())
    del content["n_head"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    ids = prompts(61, 16)
    ckpt = load(tmp_path)
    agree(ckpt.model, logits_of(theirs, ids), ids)
    assert "config.json does not give all sizes; GPT-2's own are used: n_head = 12" in ckpt.info["notices"]


@pytest.mark.parametrize("taken", range(len(CONTAINERS) - 1))
def test_of_several_containers_transformers_own_is_taken(tmp_path: Path, taken: int) -> None:
    for seed, container in enumerate(CONTAINERS[taken:]):
        theirs = random_gpt2(seed)
        write_hf(tmp_path, theirs.config, theirs.state_dict(), container)
    ids = prompts(61, 16)
    again = by_transformers(tmp_path)
    assert torch.equal(logits_of(again, ids), logits_of(random_gpt2(0), ids))
    ckpt = load(tmp_path)
    agree(ckpt.model, logits_of(again, ids), ids)
    told = f"read from {CONTAINERS[taken]}, as transformers does; not used: {', '.join(CONTAINERS[taken + 1 :])}"
    assert f"the weights were {told}" in ckpt.info["notices"]


@pytest.mark.parametrize("part", ["GPT2LMHeadModel", "GPT2Model"])
@pytest.mark.parametrize("size", [None, "20KB"], ids=["whole", "in parts"])
def test_what_transformers_writes_today(tmp_path: Path, part: str, size: str | None) -> None:
    theirs = random_gpt2(layer_norm_epsilon=1e-3, embedding=0.03)
    ids = prompts(61, 16)
    written: Any = theirs if part == "GPT2LMHeadModel" else theirs.transformer
    written.save_pretrained(tmp_path / "hf", **({"max_shard_size": size} if size else {}))
    assert (len(list((tmp_path / "hf").glob("*.safetensors"))) > 1) == (size is not None)
    ckpt = load(tmp_path / "hf")
    agree(ckpt.model, logits_of(theirs, ids), ids)
    same_when_saved(ckpt, tmp_path / "ours")


@pytest.mark.parametrize("container", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("mixed", [True, False], ids=["float32 norms", "all half"])
def test_half_precision_gives_the_numbers_of_its_upcast_weights(
    tmp_path: Path, container: str, dtype: torch.dtype, mixed: bool
) -> None:
    theirs = random_gpt2()
    kept = {name: tensor for name, tensor in theirs.state_dict().items() if name != "lm_head.weight"}
    state = {name: tensor.to(torch.float32 if mixed and ".ln_" in name else dtype) for name, tensor in kept.items()}
    write_hf(tmp_path / "hf", theirs.config, state, container)
    ckpt = load(tmp_path / "hf")
    assert {parameter.dtype for parameter in ckpt.model.parameters()} == {torch.float32}
    assert f"weights stored as {str(dtype).removeprefix('torch.')} were converted to float32" in ckpt.info["notices"]
    theirs.load_state_dict({name: tensor.double() for name, tensor in state.items()}, strict=False)
    ids = prompts(61, 16)
    agree(ckpt.model, logits_of(theirs, ids), ids, FLOAT32_BOUND)
    same_when_saved(ckpt, tmp_path / "ours")
    agree(ckpt.model.double(), logits_of(theirs, ids), ids)


@pytest.mark.parametrize("container", ["model.safetensors", "pytorch_model.bin"])
def test_masks_in_a_gpt2s_folder_mean_nothing(tmp_path: Path, container: str) -> None:
    """transformers has causal attention whatever masks lie among the weights; minGPT and nanoGPT would use them."""
    theirs, ids = random_gpt2(), prompts(61, 16)
    masks = {name: torch.ones_like(mask) for name, mask in masks_of(2, 16).items()}
    write_hf(tmp_path, theirs.config, masks | theirs.state_dict(), container)
    expected = logits_of(by_transformers(tmp_path), ids)
    assert torch.equal(expected, logits_of(theirs, ids))
    agree(load(tmp_path).model, expected, ids)


def test_every_change_of_a_gpt2_is_told(tmp_path: Path) -> None:
    theirs = random_gpt2()
    state = {name.removeprefix("transformer."): tensor.half() for name, tensor in theirs.state_dict().items()}
    state |= masks_of(2, 16, prefix="")
    write_hf(tmp_path, theirs.config, {f"module.{name}": t for name, t in state.items()}, "pytorch_model.bin")
    given = GPTConfig(16, 61, 2, 4, 24, activation="gelu_tanh")
    ckpt = load(tmp_path, config=given, tokenizer=CharTokenizer("abc"))
    assert ckpt.info["notices"] == [
        "the given config replaced the file's own n_head 2 by 4",
        "the prefix module. was removed from the names of the weights",
        MASKS.format(4),
        "28 weights had no prefix 'transformer.'; it was added",
        "weights stored as float16 were converted to float32",
        TRANSPOSED,
        "the model has 61 ids, the tokenizer 3: all are kept, and ids from 3 on are shown as 'unused'",
    ]


# --- nanoGPT


def nanogpt_file(path: Path, state: dict[str, Tensor], n_head: int, *, bias: bool = True, prefix: str = "") -> None:
    """Return a checkpoint as nanoGPT's `train.py` writes it, its loss a tensor."""
    V, C = state["transformer.wte.weight"].shape
    model_args = {
        "n_layer": sum(name.endswith("ln_1.weight") for name in state),
        "n_head": n_head,
        "n_embd": C,
        "block_size": state["transformer.wpe.weight"].size(0),
        "bias": bias,
        "vocab_size": V,
        "dropout": 0.2,
    }
    content = {
        "model": {prefix + name: tensor for name, tensor in state.items()},
        "optimizer": {"state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.ones(V, C)}}, "param_groups": []},
        "model_args": model_args,
        "iter_num": 7,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "mine", "compile": True},
    }
    torch.save(content, path)


@pytest.mark.parametrize("n_head", [1, 2, 3, 4])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_nanogpt(tmp_path: Path, n_head: int, bias: bool) -> None:
    state, ids = random_state(tied=True, bias=bias), prompts(61, 16)
    nanogpt_file(tmp_path / "ckpt.pt", state, n_head, bias=bias)
    ckpt = load(tmp_path / "ckpt.pt")
    agree(ckpt.model, by_hand(state, ids, n_head, gelu), ids)
    assert ckpt.config == GPTConfig(16, 61, 2, n_head, 24, dropout=0.2, bias=bias)
    assert (ckpt.info["format"], ckpt.info["iter_num"], ckpt.info["best_val_loss"]) == ("nanogpt", 7, 1.5)
    assert ckpt.info["notices"] == ["the optimizer's state was ignored", *ASSUMED, NO_WORDS]
    same_when_saved(ckpt, tmp_path / "ours")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["float64", "bfloat16"])
def test_nanogpt_as_compiled_distributed_old_and_padded(tmp_path: Path, prefix: str, dtype: torch.dtype) -> None:
    """Padded to a multiple of 64 ids, as nanoGPT does; with the masks that it stored before it used flash attention."""
    state, ids = random_state(tied=True, vocab_size=64), prompts(64, 16)
    stored = {name: tensor.to(dtype) for name, tensor in state.items()}
    masks = {name: mask.float() for name, mask in masks_of(2, 16).items() if name.endswith("attn.bias")}
    nanogpt_file(tmp_path / "ckpt.pt", stored | masks, 4, prefix=prefix)
    ckpt = load(tmp_path, tokenizer=CharTokenizer("abcdefgh"))
    expected = by_hand({name: tensor.double() for name, tensor in stored.items()}, ids, 4, gelu)
    agree(ckpt.model, expected, ids, FLOAT32_BOUND)
    agree(ckpt.model.double(), expected, ids)
    names = " and ".join(sorted(f"{part}." for part in prefix.split(".") if part))
    upcast = ["weights stored as bfloat16 were converted to float32"] if dtype == torch.bfloat16 else []
    assert ckpt.info["notices"] == [
        f"the prefix {names} was removed from the names of the weights",
        MASKS.format(2),
        *upcast,
        "the optimizer's state was ignored",
        *ASSUMED,
        "the model has 64 ids, the tokenizer 8: all are kept, and ids from 8 on are shown as 'unused'",
    ]
    same_when_saved(ckpt, tmp_path / "ours")


def test_nanogpt_from_before_it_had_a_choice_of_bias(tmp_path: Path) -> None:
    """Its GELU was the tanh one then; later files without bias look the same."""
    state, ids = random_state(tied=True), prompts(61, 16)
    nanogpt_file(tmp_path / "ckpt.pt", state, 2)
    content = torch.load(tmp_path / "ckpt.pt")
    del content["model_args"]["bias"]
    torch.save(content, tmp_path / "ckpt.pt")
    ckpt = load(tmp_path / "ckpt.pt")
    agree(ckpt.model, by_hand(state, ids, 2, gelu), ids)
    hints = [notice for notice in ckpt.info["notices"] if "nanoGPT had the tanh GELU" in notice]
    assert len(hints) == 1
    assert "pass config=GPTConfig(..., activation='gelu_tanh')" in hints[0]
    other = load(tmp_path / "ckpt.pt", config=GPTConfig(**{**ckpt.config.to_dict(), "activation": "gelu_tanh"}))
    agree(other.model, by_hand(state, ids, 2, gelu_tanh), ids)
    assert not any("tanh GELU" in notice for notice in other.info["notices"])


def test_nanogpts_weights_alone(tmp_path: Path) -> None:
    """Tied, so the activation is nanoGPT's; the caller must give the number of heads."""
    state, ids = random_state(tied=True, bias=False), prompts(61, 16)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"n_head=\.\.\., .*bias=False, tie_weights=True, .*'gelu'"):
        load(tmp_path / "weights.pt")
    ckpt = load(tmp_path / "weights.pt", config=GPTConfig(16, 61, 2, 3, 24, bias=False))
    agree(ckpt.model, by_hand(state, ids, 3, gelu), ids)
    same_when_saved(ckpt, tmp_path / "ours")


# --- minGPT


NANO: dict[str, Any] = {"n_layer": 3, "n_embd": 48}


@pytest.mark.parametrize("whole_folder", [True, False], ids=["folder", "file"])
@pytest.mark.parametrize(
    "beside",
    [{"model_type": "gpt-nano"}, {"n_layer": 3, "n_head": 3, "n_embd": 48}],
    ids=["model type", "sizes"],
)
def test_mingpt_with_its_config_beside(tmp_path: Path, beside: dict[str, Any], whole_folder: bool) -> None:
    state, ids = random_state(tied=False, **NANO), prompts(61, 16)
    path = mingpt_file(tmp_path, state)
    mingpt_config(tmp_path, **beside)
    ckpt = load(tmp_path if whole_folder else path)
    agree(ckpt.model, by_hand(state, ids, 3, gelu_tanh), ids)
    assert ckpt.info["format"] == "mingpt"
    place = "config.json's model_type 'gpt-nano'" if "model_type" in beside else "config.json"
    assert ckpt.info["notices"] == [
        MASKS.format(3),
        "the file has no config: block_size = 16, vocab_size = 61, n_layer = 3, n_embd = 48, bias = True, "
        f"tie_weights = False were inferred from the weights; n_head = 3 comes from {place}",
        "activation = 'gelu_tanh' is minGPT's, whose config.json lies beside the file",
        NO_WORDS,
    ]
    same_when_saved(ckpt, tmp_path / "ours")


@pytest.mark.parametrize("twice", [True, False], ids=["copied", "shared"])
def test_mingpts_from_pretrained_has_two_equal_matrices(tmp_path: Path, twice: bool) -> None:
    """It copies GPT-2's tied matrix into both names; only config.json distinguishes the file from nanoGPT's."""
    state, ids = random_state(tied=True, **NANO), prompts(61, 16)
    if twice:
        state["lm_head.weight"] = state["lm_head.weight"].clone()
    path = mingpt_file(tmp_path, state)
    mingpt_config(tmp_path, model_type="gpt-nano")
    ckpt = load(path)
    agree(ckpt.model, by_hand(state, ids, 3, gelu_tanh), ids)
    assert (ckpt.info["format"], ckpt.config.tie_weights) == ("mingpt", False)
    same_when_saved(ckpt, tmp_path / "ours")


@pytest.mark.parametrize("tied", [True, False])
def test_an_activation_that_nobody_tells_is_said_to_be_assumed(tmp_path: Path, tied: bool) -> None:
    state, ids = random_state(tied=tied, **NANO), prompts(61, 16)
    path = mingpt_file(tmp_path, state)
    with pytest.raises(CheckpointError, match="where the activation is a guess, or put minGPT's config"):
        load(path)
    (tmp_path / "config.json").write_text('{"n_head": 3}')
    taken, other = ("gelu", "gelu_tanh") if tied else ("gelu_tanh", "gelu")
    ckpt = load(path)
    agree(ckpt.model, by_hand(state, ids, 3, gelu if tied else gelu_tanh), ids)
    assert (
        f"activation = '{taken}' is assumed: the weights do not tell it, and programs differ in it; "
        f"load(..., activation='{other}') takes the other, or pass config=GPTConfig(..., activation='{other}')"
    ) in ckpt.info["notices"]
    agree(load(path, activation=other).model, by_hand(state, ids, 3, gelu_tanh if tied else gelu), ids)
    told = "the given one is used, also for values that the weights do not tell: n_head = 3, activation = "
    fields = {**ckpt.config.to_dict(), "activation": other}
    assert f"the file has no config; {told}'{other}'" in load(path, config=GPTConfig(**fields)).info["notices"]


@pytest.mark.parametrize("n_head", [1, 2, 4, 6])
def test_mingpt_with_a_given_config(tmp_path: Path, n_head: int) -> None:
    state, ids = random_state(tied=False, **NANO), prompts(61, 16)
    path = mingpt_file(tmp_path, state)
    config = GPTConfig(16, 61, 3, n_head, 48, tie_weights=False, activation="gelu_tanh")
    ckpt = load(path, config=config)
    agree(ckpt.model, by_hand(state, ids, n_head, gelu_tanh), ids)
    same_when_saved(ckpt, tmp_path / "ours")


def test_mingpt_without_a_config_asks_for_the_heads(tmp_path: Path) -> None:
    path = mingpt_file(tmp_path, random_state(tied=False, **NANO))
    for model_type in (None, "gpt-unheard-of"):
        with pytest.raises(CheckpointError, match=r"number of heads \(n_head\); pass config=GPTConfig\(n_head=\.\.\."):
            load(path)
        mingpt_config(tmp_path, model_type=model_type)


# --- written on a GPU


def test_what_was_written_on_a_gpu_has_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = prompts(61, 16)
    theirs, nano, mini = random_gpt2(), random_state(tied=True), random_state(tied=False)
    for name in ("hf", "nano", "mini"):
        (tmp_path / name).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        write_hf(tmp_path / "hf", theirs.config, theirs.state_dict(), "pytorch_model.bin.index.json")
        nanogpt_file(tmp_path / "nano/ckpt.pt", nano, 2)
        mingpt_file(tmp_path / "mini", mini)
    mingpt_config(tmp_path / "mini", n_head=2)
    written = [*tmp_path.glob("*/*.pt"), *tmp_path.glob("*/*.bin")]
    assert len(written) == 5
    assert all(b"cuda:0" in path.read_bytes() for path in written)
    agree(load(tmp_path / "hf").model, logits_of(theirs, ids), ids)
    agree(load(tmp_path / "nano").model, by_hand(nano, ids, 2, gelu), ids)
    agree(load(tmp_path / "mini").model, by_hand(mini, ids, 2, gelu_tanh), ids)
