"""GPTs that share no code with gptcore: transformers', and one written by hand; and the comparison of logits.

All weights, also biases and layer norms, are far from any initialisation, so that a lost one changes the logits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from gptcore import GPT, capture

BOUND = 1e-10
"""Bound of differences between logits in float64."""
FLOAT32_BOUND = 1e-4
"""Bound between float32 logits and float64 ones of the same weights; half precision would be off by 5e-3."""
CONTAINERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Files of weights in Hugging Face's folders: one file, or an index of several."""


# ---- the comparison ------------------------------------------------------------------------------------------------


def prompts(vocab_size: int, T: int) -> Tensor:
    """Return token ids (2, T), spread over the vocabulary; the two rows differ."""
    return torch.arange(2 * T).view(2, T) * 7 % vocab_size


@torch.no_grad()
def agree(model: GPT, expected: Tensor, ids: Tensor, bound: float = BOUND) -> None:
    """Fail unless the model, unchanged, gives the expected logits at all positions, on both of its paths.

    One path is fused attention over the whole prompt; the other extends a trace in two steps, so that the second half
    attends to the past.
    """
    start = capture(model, ids[:, : ids.size(1) // 2])
    found = {
        "at once": model(ids, targets=ids)[0],
        "grown": capture(model, ids, previous=start).logits,
    }
    for how, logits in found.items():
        assert logits.shape == expected.shape
        difference = (logits.double() - expected.double()).abs().max().item()
        assert difference <= bound, f"logits, {how}, differ by {difference:.1e}, more than {bound:.1e}"  # also for NaN


# ---- transformers --------------------------------------------------------------------------------------------------


def random_gpt2(seed: int = 0, embedding: float = 0.3, **options: Any) -> GPT2LMHeadModel:
    """Return transformers' GPT-2 in float64. With small values in `embedding`, the epsilon of layer norms matters."""
    sizes = {"vocab_size": 61, "n_positions": 16, "n_layer": 2, "n_head": 2, "n_embd": 24}
    fields: dict[str, Any] = sizes | {"bos_token_id": None, "eos_token_id": None, "attn_implementation": "eager"}
    model: Any = GPT2LMHeadModel(GPT2Config(**(fields | options))).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = embedding if ".wte." in name or ".wpe." in name else 0.3
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * scale
            parameter.copy_(noise + 1 if ".ln_" in name and name.endswith("weight") else noise)
    return model.eval()


@torch.no_grad()
def logits_of(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    """Return logits (B, T, V), in the model's own precision."""
    found: Tensor = model(ids).logits
    return found


def masks_of(n_layer: int, T: int, prefix: str = "transformer.") -> dict[str, Tensor]:
    """Return the buffers that transformers stored among the weights until 2023."""
    found: dict[str, Tensor] = {}
    for i in range(n_layer):
        found[f"{prefix}h.{i}.attn.bias"] = torch.ones(T, T, dtype=torch.uint8).tril().view(1, 1, T, T)
        found[f"{prefix}h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    return found


def write_hf(folder: Path, config: GPT2Config, state: Mapping[str, Tensor], container: str) -> None:
    """Write a Hugging Face folder with exactly these names, as any version of transformers might have written it."""
    config.save_pretrained(folder)
    single = container.removesuffix(".index.json")
    if single == container:
        _write(folder / single, state)
        return
    stem, suffix = single.split(".")
    names = list(state)
    placed: dict[str, str] = {}
    for i in range(3):
        part = f"{stem}-{i + 1:05}-of-00003.{suffix}"
        mine = names[i::3]
        _write(folder / part, {name: state[name] for name in mine})
        placed |= dict.fromkeys(mine, part)
    (folder / container).write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": placed}))


def _write(path: Path, state: Mapping[str, Tensor]) -> None:
    if path.suffix == ".bin":
        torch.save(dict(state), path)
    else:
        save_file({name: tensor.clone() for name, tensor in state.items()}, path, metadata={"format": "pt"})


# ---- by hand, for nanoGPT's and minGPT's layout --------------------------------------------------------------------


def gelu(x: Tensor) -> Tensor:
    """Compute nanoGPT's exact GELU."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh(x: Tensor) -> Tensor:
    """Compute minGPT's `NewGELU`."""
    return x * 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def by_hand(state: Mapping[str, Tensor], ids: Tensor, n_head: int, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute the logits (B, T, V) of a state dict in nanoGPT's names, head by head, softmax and norms written out."""
    T, n_layer = ids.size(1), sum(name.endswith("ln_1.weight") for name in state)
    sees = torch.ones(T, T, dtype=torch.bool).tril()

    def linear(x: Tensor, name: str) -> Tensor:
        y = x @ state[f"{name}.weight"].t()
        return y + state[f"{name}.bias"] if f"{name}.bias" in state else y

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        y = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * state[f"{name}.weight"]
        return y + state[f"{name}.bias"] if f"{name}.bias" in state else y

    def attention(x: Tensor, name: str) -> Tensor:
        heads = []
        q, k, v = linear(x, f"{name}.c_attn").chunk(3, dim=-1)
        for one_q, one_k, one_v in zip(*(third.chunk(n_head, dim=-1) for third in (q, k, v)), strict=True):
            weights = (one_q @ one_k.transpose(1, 2) / math.sqrt(one_k.size(-1))).exp() * sees
            heads.append(weights / weights.sum(-1, keepdim=True) @ one_v)
        return linear(torch.cat(heads, dim=-1), f"{name}.c_proj")

    x = state["transformer.wte.weight"][ids] + state["transformer.wpe.weight"][:T]
    for i in range(n_layer):
        block = f"transformer.h.{i}"
        x = x + attention(norm(x, f"{block}.ln_1"), f"{block}.attn")
        hidden = activation(linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc"))
        x = x + linear(hidden, f"{block}.mlp.c_proj")
    return linear(norm(x, "transformer.ln_f"), "lm_head")


def random_state(
    n_layer: int = 2, n_embd: int = 24, vocab_size: int = 61, block_size: int = 16, *, bias: bool = True, tied: bool
) -> dict[str, Tensor]:
    """Return a state dict in nanoGPT's names and order, float64; a tied matrix has both of its names."""
    C, generator = n_embd, torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * 0.3

    state = {"transformer.wte.weight": draw(vocab_size, C), "transformer.wpe.weight": draw(block_size, C)}
    layers: list[tuple[str, tuple[int, ...]]] = []
    for i in range(n_layer):
        block = f"transformer.h.{i}"
        layers += [(f"{block}.ln_1", (C,)), (f"{block}.attn.c_attn", (3 * C, C)), (f"{block}.attn.c_proj", (C, C))]
        layers += [(f"{block}.ln_2", (C,)), (f"{block}.mlp.c_fc", (4 * C, C)), (f"{block}.mlp.c_proj", (C, 4 * C))]
    for name, shape in [*layers, ("transformer.ln_f", (C,))]:
        state[f"{name}.weight"] = draw(*shape) + (1 if len(shape) == 1 else 0)
        if bias:
            state[f"{name}.bias"] = draw(shape[0])
    state["lm_head.weight"] = state["transformer.wte.weight"] if tied else draw(vocab_size, C)
    return state


def mingpt_file(folder: Path, state: dict[str, Tensor]) -> Path:
    """Return the state dict with the masks of its buffers, as minGPT's `chargpt.py` writes it."""
    T = state["transformer.wpe.weight"].size(0)
    masks = {n: mask.float() for n, mask in masks_of(9, T).items() if n.replace(".bias", ".c_attn.bias") in state}
    torch.save(state | masks, folder / "model.pt")
    return folder / "model.pt"


def mingpt_config(folder: Path, **model: Any) -> None:
    """Write `config.json` as minGPT's `setup_logging` does before the model is made: missing values are null."""
    sizes = dict.fromkeys(("model_type", "n_layer", "n_head", "n_embd", "vocab_size", "block_size"))
    content = {
        "system": {"seed": 3407, "work_dir": "./out/chargpt"},
        "data": {"block_size": 128},
        "model": sizes | {"embd_pdrop": 0.1, "resid_pdrop": 0.1, "attn_pdrop": 0.1} | model,
        "trainer": {"device": "auto", "betas": [0.9, 0.95]},
    }
    (folder / "config.json").write_text(json.dumps(content, indent=4))


# ---- bugs in gptcore alone -----------------------------------------------------------------------------------------


class Altered:
    """A module with some names replaced; given to one file of gptcore, it does not change the reference."""

    def __init__(self, module: ModuleType, **names: object) -> None:
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
