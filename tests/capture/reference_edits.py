"""The judge of edits: GPT-2's forward pass written out, in which any tensor of the map can be changed by hand.

The weights are those of transformers' GPT-2; `test_reference_edits.py` holds this pass equal to transformers' own,
with and without changes. Nothing here comes from gptcore but the class of the twin that is judged.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from gptcore import GPT, GPTConfig
from tests.reference import gelu, gelu_tanh, random_gpt2

Selector: TypeAlias = int | slice | Sequence[int] | None
Run: TypeAlias = dict[str, Tensor]
"""Every tensor of a run, by its name in the map."""

AXES = {
    "idx": "B T",
    "transformer.wte": "B T C",
    "transformer.wpe": "T C",
    "transformer.embed": "B T C",
    "transformer.drop": "B T C",
    "transformer.h": "B T C",
    "transformer.ln_f": "B T C",
    "lm_head": "B T V",
    "probs": "B T V",
    "loss": "B T",
}
AXES_IN_BLOCK = {
    "": "B T C",
    "resid_pre": "B T C",
    "ln_1": "B T C",
    "attn": "B T C",
    "attn.c_attn": "B T 3C",
    "attn.q": "B H T D",
    "attn.k": "B H T D",
    "attn.v": "B H T D",
    "attn.sdpa": "B H T D",
    "attn.k_t": "B H D T",
    "attn.scores": "B H T T",
    "attn.scaled": "B H T T",
    "attn.masked": "B H T T",
    "attn.pattern": "B H T T",
    "attn.attn_dropout": "B H T T",
    "attn.z": "B H T D",
    "attn.concat": "B T C",
    "attn.c_proj": "B T C",
    "attn.resid_dropout": "B T C",
    "resid_mid": "B T C",
    "ln_2": "B T C",
    "mlp": "B T C",
    "mlp.c_fc": "B T 4C",
    "mlp.gelu": "B T 4C",
    "mlp.c_proj": "B T C",
    "mlp.dropout": "B T C",
    "resid_post": "B T C",
}
FIXED = ("idx", "probs", "loss")
"""Tensors that no change can be made at."""


@dataclass(frozen=True)
class Change:
    """One change by hand, as data. Each selector picks along its own axis, so that several together pick a block."""

    name: str
    how: str
    value: float | Tensor | tuple[tuple[int, ...], ...] | None = None
    """A number; numbers for the selected part, an axis picked by an int being absent; for a patch the other prompt."""
    head: Selector = None
    position: Selector = None
    key: Selector = None
    channel: Selector = None

    @property
    def selectors(self) -> dict[str, Selector]:
        """Those that were given."""
        fields = {"head": self.head, "position": self.position, "key": self.key, "channel": self.channel}
        return {name: chosen for name, chosen in fields.items() if chosen is not None}


def split(name: str) -> tuple[str, str]:
    """Split a name into its block ("" outside of blocks) and the rest: `transformer.h.1`, `attn.q`."""
    parts = name.split(".")
    if parts[:2] == ["transformer", "h"] and len(parts) > 2:
        return ".".join(parts[:3]), ".".join(parts[3:])
    return "", name


def axes_of(name: str) -> tuple[str, ...]:
    """Return the axes of a tensor of the map."""
    block, rest = split(name)
    return tuple((AXES_IN_BLOCK if block else AXES)[rest].split())


def names(n_layer: int) -> list[str]:
    """Return every name of the map."""
    blocks = [f"transformer.h.{i}.{rest}".rstrip(".") for i in range(n_layer) for rest in AXES_IN_BLOCK]
    return [*AXES, *blocks]


def axis_of(name: str, selector: str) -> int:
    """Return the axis along which a selector picks: of the two T axes the first is the position, the second the key."""
    axes = axes_of(name)
    if selector == "head":
        return axes.index("H")
    if selector == "position":
        return axes.index("T")
    if selector == "key":
        return axes.index("T", axes.index("T") + 1)
    return next(i for i, axis in enumerate(axes) if axis not in "BHT")  # the channel: C, D, V and so on


# ---- a change ------------------------------------------------------------------------------------------------------

NEW: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "zero": lambda old, given: torch.zeros_like(old),
    "set": lambda old, given: torch.as_tensor(given, dtype=old.dtype).expand_as(old),
    "scale": lambda old, given: old * given,
    "add": lambda old, given: old + given,
    "patch": lambda old, given: given,
}


def changed(value: Tensor, change: Change, other: Run | None = None) -> Tensor:
    """Return the tensor after the change; `other` is the run that a patch comes from."""
    chosen = {axis_of(change.name, name): picked for name, picked in change.selectors.items()}
    places = [_places(chosen.get(axis), length) for axis, length in enumerate(value.shape)]
    block = torch.meshgrid(*places, indexing="ij")  # an index for each axis, all of the block's shape
    given: Any = change.value
    if other is not None and change.how == "patch":
        given = other[change.name][block]
    elif isinstance(given, Tensor):
        kept = [length for axis, length in enumerate(block[0].shape) if not isinstance(chosen.get(axis), int)]
        given = given.expand(kept).reshape(block[0].shape)
    return value.index_put(block, NEW[change.how](value[block], given))


def _places(chosen: Selector, length: int) -> Tensor:
    everything = torch.arange(length)
    if chosen is None:
        return everything
    if isinstance(chosen, slice):
        return everything[chosen]
    return everything[torch.tensor([chosen] if isinstance(chosen, int) else list(chosen))]


# ---- the run -------------------------------------------------------------------------------------------------------


def run(model: GPT2LMHeadModel, ids: Tensor, changes: Sequence[Change] = ()) -> Run:
    """Return every tensor of a run over (B, T) ids. What is changed is seen by all that reads it, and by nothing else.

    Where a tensor only passes through under another name (`resid_post`, the block, the next block's `resid_pre`), a
    change shows from its name on, and not under the names before.
    """
    weights: Mapping[str, Tensor] = model.state_dict(keep_vars=True)
    config = model.config
    B, T = ids.shape
    H, D = config.n_head, config.n_embd // config.n_head
    found: Run = {"idx": ids}

    def at(name: str, value: Tensor) -> Tensor:
        for change in changes:
            if change.name == name:
                value = changed(value, change, _other(model, change))
        found[name] = value
        return value

    def conv(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]  # Conv1D keeps its matrix as (in, out)

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + config.layer_norm_epsilon).sqrt()
        return centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(x: Tensor, name: str) -> Tensor:
        qkv = at(f"{name}.c_attn", conv(x, f"{name}.c_attn"))
        thirds = (third.view(B, T, H, D).transpose(1, 2) for third in qkv.chunk(3, dim=-1))
        q, k, v = (at(f"{name}.{letter}", third) for letter, third in zip("qkv", thirds, strict=True))
        k_t = at(f"{name}.k_t", k.transpose(2, 3))
        scores = at(f"{name}.scores", q @ k_t)
        scaled = at(f"{name}.scaled", scores / math.sqrt(D))
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        masked = at(f"{name}.masked", scaled.masked_fill(future, -math.inf))
        pattern = at(f"{name}.pattern", masked.softmax(-1))
        dropped = at(f"{name}.attn_dropout", pattern)
        z = at(f"{name}.sdpa", at(f"{name}.z", dropped @ v))
        concat = at(f"{name}.concat", z.transpose(1, 2).reshape(B, T, H * D))
        return at(name, at(f"{name}.resid_dropout", at(f"{name}.c_proj", conv(concat, f"{name}.c_proj"))))

    def mlp(x: Tensor, name: str) -> Tensor:
        hidden = at(f"{name}.c_fc", conv(x, f"{name}.c_fc"))
        active = at(f"{name}.gelu", ACTIVATIONS[config.activation_function](hidden))
        return at(name, at(f"{name}.dropout", at(f"{name}.c_proj", conv(active, f"{name}.c_proj"))))

    def block(x: Tensor, name: str) -> Tensor:
        resid_pre = at(f"{name}.resid_pre", x)
        added = attention(at(f"{name}.ln_1", norm(resid_pre, f"{name}.ln_1")), f"{name}.attn")
        resid_mid = at(f"{name}.resid_mid", resid_pre + added)
        added = mlp(at(f"{name}.ln_2", norm(resid_mid, f"{name}.ln_2")), f"{name}.mlp")
        return at(name, at(f"{name}.resid_post", resid_mid + added))

    wte = at("transformer.wte", weights["transformer.wte.weight"][ids])
    wpe = at("transformer.wpe", weights["transformer.wpe.weight"][:T])
    x = at("transformer.drop", at("transformer.embed", wte + wpe))
    for i in range(config.n_layer):
        x = block(x, f"transformer.h.{i}")
    x = at("transformer.ln_f", norm(at("transformer.h", x), "transformer.ln_f"))
    logits = at("lm_head", x @ weights["lm_head.weight"].t())
    found["probs"] = logits.softmax(-1)
    surprise = -logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    found["loss"] = torch.cat([surprise, torch.full((B, 1), math.nan, dtype=logits.dtype)], dim=1)
    return found


ACTIVATIONS = {"gelu_new": gelu_tanh, "gelu": gelu}


def _other(model: GPT2LMHeadModel, change: Change) -> Run | None:
    if change.how != "patch":
        return None
    assert isinstance(change.value, tuple)
    return run_over(model, change.value)


@functools.lru_cache(maxsize=64)
def run_over(model: GPT2LMHeadModel, ids: tuple[tuple[int, ...], ...]) -> Run:
    """Return the unchanged run over the prompt that a patch names."""
    return {name: tensor.detach() for name, tensor in run(model, torch.tensor(ids)).items()}


# ---- the models ----------------------------------------------------------------------------------------------------


@functools.cache
def reference(seed: int = 0, *, bias: bool = True, **options: Any) -> GPT2LMHeadModel:
    """Make transformers' GPT-2: 3 layers of 4 heads, random weights in float64; without bias, all biases are 0."""
    sizes = {"n_layer": 3, "n_head": 4, "n_embd": 32, "n_positions": 32, "vocab_size": 61}
    model = random_gpt2(seed, **(sizes | options))
    if not bias:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith(".bias"):
                    parameter.zero_()
    return model


def twin(model: GPT2LMHeadModel, dtype: torch.dtype = torch.float64, *, bias: bool = True) -> GPT:
    """Make gptcore's model with the same weights, anew at each call, so that no test sees another's."""
    config = model.config
    ours = GPT(
        GPTConfig(
            block_size=config.n_positions,
            vocab_size=config.vocab_size,
            n_layer=config.n_layer,
            n_head=config.n_head,
            n_embd=config.n_embd,
            bias=bias,
            tie_weights=config.tie_word_embeddings,
            activation="gelu" if config.activation_function == "gelu" else "gelu_tanh",
            layer_norm_epsilon=config.layer_norm_epsilon,
        )
    ).to(dtype)
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # Conv1D keeps (in, out), nn.Linear (out, in)
    state = {name: w.t() if name.endswith(turned) else w for name, w in model.state_dict().items()}
    ours.load_state_dict({name: w for name, w in state.items() if bias or not name.endswith(".bias")})
    return ours.eval()


# ---- the comparison ------------------------------------------------------------------------------------------------


def difference(ours: Tensor, expected: Tensor) -> float:
    """Return the largest difference of two tensors: infinite if shapes differ, or the places of infinity and NaN."""
    if ours.shape != expected.shape:
        return math.inf
    ours, expected = ours.detach().double(), expected.detach().double()
    largest = (ours - expected).abs().max().item() if ours.numel() else 0.0
    if math.isfinite(largest):  # so all numbers of both are
        return largest
    finite = expected.isfinite()
    if not torch.equal(ours.nan_to_num(0.0, 1.0, -1.0)[~finite], expected.nan_to_num(0.0, 1.0, -1.0)[~finite]):
        return math.inf
    if not torch.equal(ours.isnan(), expected.isnan()) or not torch.equal(ours.isfinite(), finite):
        return math.inf
    return (ours - expected)[finite].abs().max().item() if finite.any() else 0.0


def differing(ours: Mapping[str, Tensor], expected: Run, bound: float, only: Iterable[str] = ()) -> dict[str, float]:
    """Return the names, of all or of some, whose tensors differ by more than the bound, each with the difference."""
    off = {name: difference(ours[name], expected[name]) for name in only or expected}
    return {name: value for name, value in off.items() if not value <= bound}
