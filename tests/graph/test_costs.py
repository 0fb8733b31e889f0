"""Costs by part against real modules, PyTorch's own FLOP counter, the tensors of real passes, and formulas by hand."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from gptcore import capture
from gptcore.config import PRESETS, GPTConfig, nearest_sizes
from gptcore.graph.architecture import architecture
from gptcore.graph.costs import (
    LETTERS,
    PARTS,
    QUANTITIES,
    Cost,
    Part,
    RunSize,
    activations,
    cache,
    growth,
    part_of,
    parts,
    total,
)
from gptcore.model import GPT, MLP, CausalSelfAttention, attend_to_past
from tests.conftest import random_model
from tests.graph.test_architecture import configs

ODD = GPTConfig(block_size=13, vocab_size=19, n_layer=3, n_head=4, n_embd=20, bias=False)
"""No two tensors of a run of B = 2, T = 11 have as many numbers by chance, but for those of equal axes."""


def by_module(model: GPT) -> dict[Part, int]:
    """Parameters by the class of the module that holds them, each matrix once."""
    found: dict[Part, int] = dict.fromkeys(PARTS, 0)
    kinds: list[tuple[type[nn.Module], Part]] = [
        (nn.Embedding, "embeddings"),
        (nn.LayerNorm, "norms"),
        (CausalSelfAttention, "attention"),
        (MLP, "MLP"),
    ]
    for module in model.modules():
        for kind, part in kinds:
            if isinstance(module, kind):
                found[part] += sum(weight.numel() for weight in module.parameters())
    if model.lm_head.weight is not model.transformer.wte.weight:
        found["head"] = model.lm_head.weight.numel()
    return found


@pytest.mark.parametrize("preset", PRESETS)
def test_parameters_by_part_are_those_of_the_real_modules(preset: str) -> None:
    config = GPTConfig.preset(preset)
    if config.n_layer > 48:
        config = dataclasses.replace(config, n_layer=5)
    with torch.device("meta"):
        model = GPT(config)
    cost = parts(config, RunSize(T=config.block_size))
    assert {part: each.params for part, each in cost.items()} == by_module(model)
    assert total(cost.values()).params == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("preset", "params", "mlp"),
    [
        ("gpt2", 124_439_808, 12 * (8 * 768**2 + 5 * 768)),
        ("gpt2-xl", 1_557_611_200, 48 * (8 * 1600**2 + 5 * 1600)),
        ("gpt3-175b", 174_604_259_328, 96 * (8 * 12288**2 + 5 * 12288)),
    ],
)
def test_known_totals(preset: str, params: int, mlp: int) -> None:
    cost = parts(GPTConfig.preset(preset), RunSize(T=1024))
    assert (total(cost.values()).params, cost["MLP"].params) == (params, mlp)


@settings(max_examples=30)
@given(configs(), st.integers(1, 3), st.sampled_from([2, 4]), st.booleans(), st.data())
def test_parts_add_up_to_the_map(config: GPTConfig, B: int, number: int, fused: bool, data: st.DataObject) -> None:
    run = RunSize(data.draw(st.integers(1, config.block_size)), B, number, fused)
    arch, cost = architecture(config), total(parts(config, run).values())
    assert (cost.params, cost.flops) == (arch.num_params(), arch.flops(T=run.T, B=B))
    roots = [node.id for node in arch.nodes if node.parent is None]
    assert sum(activations(arch, run)[name] for name in roots) == cost.activations
    assert sum(cache(arch, run)[name] for name in roots) == cost.cache
    for part in PARTS:
        own = [node for node in arch.nodes if part_of(node) == part and not node.output]
        taken = activations(arch, run)
        assert sum(taken[node.id] for node in own) == parts(config, run)[part].activations


@settings(max_examples=10)
@given(configs(), st.integers(1, 3), st.data())
def test_flops_by_part_are_those_that_torch_counts(config: GPTConfig, B: int, data: st.DataObject) -> None:
    T = data.draw(st.integers(1, config.block_size))
    idx = torch.zeros(B, T, dtype=torch.long)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, depth=9) as counter:
        GPT(config)(idx, targets=idx)
    counts = {name.removeprefix("GPT."): sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    cost = {part: each.flops for part, each in parts(config, RunSize(T, B)).items()}
    blocks = [f"transformer.h.{i}" for i in range(config.n_layer)]
    expected = dict.fromkeys(PARTS, 0) | {
        "attention": sum(counts[f"{block}.attn"] for block in blocks),
        "MLP": sum(counts[f"{block}.mlp"] for block in blocks),
        "head": counts["lm_head"],
    }
    assert cost == expected


# ---- memory ------------------------------------------------------------------------------------------------------


class Made(TorchDispatchMode):
    """Holds every tensor with memory of its own that operations make meanwhile."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor):
                self.known.setdefault(tensor.untyped_storage().data_ptr(), torch.empty(0))  # was there before
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.known.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return out

    def sizes(self) -> Counter[int]:
        """The number of tensors of floats of each size."""
        return Counter(t.numel() for t in self.known.values() if t.is_floating_point() and t.numel())


def made(monkeypatch: pytest.MonkeyPatch, B: int, T: int, fused: bool) -> Counter[int]:
    """Return the sizes of all tensors that a pass of a real model makes."""
    model = random_model(**ODD.to_dict())
    if not fused:

        def staged(q: Tensor, k: Tensor, v: Tensor, **_: object) -> Tensor:
            return attend_to_past(q, k, v, ())

        monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", staged)
    idx = torch.randint(ODD.vocab_size, (B, T), generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), Made() as mode:
        model(idx, targets=idx)
    return mode.sizes()


def expected(B: int, T: int, fused: bool) -> Counter[int]:
    """Return the sizes of the tensors that take memory by the table."""
    arch, run = architecture(ODD), RunSize(T, B, number=1, fused=fused)
    taken = activations(arch, run)
    return Counter(taken[node.id] for node in arch.nodes if not node.output and taken[node.id])


def test_activations_are_the_tensors_that_a_pass_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    B, T, H, L = 2, 11, ODD.n_head, ODD.n_layer
    real, ours = made(monkeypatch, B, T, fused=False), expected(B, T, fused=False)
    # not of the map: mean and deviation of each layer norm, less the losses, of which `model.py` makes only the mean;
    # q, k and v, which the product of many matrices lays out head by head; scores, which `cat` copies
    kernels = Counter({B * T: 2 * (2 * L + 1) - 1, 1: 2, B * T * ODD.n_embd: 3 * L, B * H * T * T: L})
    assert real - ours == kernels and ours - real == Counter()


def test_fused_attention_makes_no_tensor_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    B, T = 2, 11
    real, ours = made(monkeypatch, B, T, fused=True), expected(B, T, fused=True)
    assert real[B * ODD.n_head * T * T] == ours[B * ODD.n_head * T * T] == 0
    # the kernel lays out its result so that the heads need no copy to lie side by side
    assert ours - real == Counter({B * T * ODD.n_embd: ODD.n_layer})


def test_bytes_are_those_of_a_trace() -> None:
    model = random_model(**ODD.to_dict())
    trace, run = capture(model, list(range(11))), RunSize(T=11)
    arch = architecture(ODD)
    taken, kept = activations(arch, run), cache(arch, run)
    for node in arch.nodes:
        if node.output or node.how == "input":
            continue
        assert taken[node.id] in (0, trace[node.id].nbytes), node.id
        assert (taken[node.id] == 0) == node.op.is_view
        assert kept[node.id] == (trace[node.id].nbytes if node.id.endswith((".k", ".v")) else 0)
    assert kept["transformer.h"] == total(parts(ODD, run).values()).cache == 2 * 3 * 11 * 20 * 4


def test_a_view_lies_in_the_memory_of_its_input() -> None:
    model = random_model(**ODD.to_dict())
    x = torch.randn(1, 11, ODD.n_embd)
    attention = model.transformer.h[0].attn
    seen: dict[str, Tensor] = {}
    for name in ("c_attn", "q", "k", "v", "resid_dropout", "c_proj"):
        attention.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    attention(x)
    where = {name: tensor.untyped_storage().data_ptr() for name, tensor in seen.items()}
    assert where["q"] == where["k"] == where["v"] == where["c_attn"] and where["resid_dropout"] == where["c_proj"]
    assert seen["k"].mT.untyped_storage().data_ptr() == where["k"]


@pytest.mark.parametrize("fused", [False, True])
def test_what_autograd_keeps_is_most_of_it_and_never_more(monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    config, T, B = GPTConfig(64, 65, 3, 4, 64), 64, 4
    model = random_model(**config.to_dict()).train()
    if not fused:
        staged: Callable[..., Tensor] = lambda q, k, v, **_: attend_to_past(q, k, v, ())  # noqa: E731
        monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", staged)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    idx = torch.zeros(B, T, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(idx, targets=idx)
    held = sum(t.untyped_storage().nbytes() for at, t in kept.items() if at not in weights)
    bound = total(parts(config, RunSize(T, B, fused=fused)).values()).activations
    assert 0.5 * bound < held < bound, held / bound


# ---- growth ------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(configs(), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_terms_add_up_here_and_at_another_size(config: GPTConfig, T: int, B: int, fused: bool) -> None:
    run = RunSize(T, B, fused=fused)
    larger = {
        "T": (config, dataclasses.replace(run, T=5 * T)),
        "C": (dataclasses.replace(config, n_embd=5 * config.n_embd), run),
        "V": (dataclasses.replace(config, vocab_size=5 * config.vocab_size), run),
        "L": (dataclasses.replace(config, n_layer=5 * config.n_layer), run),
    }
    for letter in LETTERS:
        now, then = parts(config, run), parts(*larger[letter])
        for part, terms in growth(config, run, letter).items():
            for name in QUANTITIES:
                assert terms[name].total == getattr(now[part], name)
                assert terms[name].at(5) == getattr(then[part], name)


def test_what_grows_by_hand() -> None:
    config, T, B = GPTConfig.preset("gpt2"), 1024, 3
    L, H, C, V = 12, 12, 768, 50257
    run = RunSize(T, B)
    of = {letter: growth(config, run, letter) for letter in LETTERS}
    pairs = of["T"]["attention"]
    assert pairs["flops"].square == 4 * B * T * T * C * L
    assert pairs["activations"].square == 4 * 4 * B * H * T * T * L  # scores, scaled, masked, pattern; 4 bytes each
    squares = [(part, name) for part in PARTS for name in QUANTITIES if of["T"][part][name].square]
    assert squares == [("attention", "flops"), ("attention", "activations")]
    assert of["C"]["attention"]["params"].square == 4 * C * C * L and of["C"]["MLP"]["params"].square == 8 * C * C * L
    assert of["C"]["attention"]["activations"].constant == pairs["activations"].square  # patterns have no C
    assert of["V"]["head"]["flops"].linear == 2 * B * T * C * V and of["V"]["MLP"]["flops"].linear == 0
    assert of["L"]["embeddings"]["params"].linear == 0 and of["L"]["MLP"]["params"].constant == 0
    assert of["T"]["attention"]["cache"].linear == 2 * L * B * T * C * 4
    assert all(of["T"][part]["params"].linear == 0 for part in PARTS)
    fused = growth(config, dataclasses.replace(run, fused=True), "T")["attention"]
    assert fused["activations"].square == 0 and fused["flops"] == pairs["flops"]


def test_costs_are_numbers() -> None:
    assert Cost(1, 2, 3, 4) + Cost(1, 1, 1, 1) == Cost(2, 3, 4, 5) and Cost(1, 2, 3, 4) * 2 == Cost(2, 4, 6, 8)


# ---- impossible sizes --------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 3000))
def test_the_nearest_sizes_are_possible_and_none_is_nearer(n_head: int, n_embd: int) -> None:
    found = nearest_sizes(n_head, n_embd)
    assert found and all(C % H == 0 and C >= H for H, C in found)
    if n_embd % n_head == 0:
        assert found == [(n_head, n_embd)]
        return
    widths = [width for heads, width in found if heads == n_head]
    heads = [heads for heads, width in found if width == n_embd]
    assert len(widths) + len(heads) == len(found)
    nearest = min(abs(C - n_embd) for C in range(n_head, n_embd + n_head + 1, n_head))
    assert min(abs(C - n_embd) for C in widths) == nearest
    possible = [each for each in range(1, n_embd + 1) if n_embd % each == 0]
    assert min(abs(each - n_head) for each in heads) == min(abs(each - n_head) for each in possible)
