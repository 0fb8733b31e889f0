"""The judge of edits is itself judged: by transformers' own modules, changed through hooks, masks and its interface."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel
from transformers.models.gpt2 import modeling_gpt2

from gptcore import architecture, capture
from tests.capture.reference_edits import (
    AXES_IN_BLOCK,
    FIXED,
    Change,
    axes_of,
    axis_of,
    changed,
    difference,
    differing,
    names,
    reference,
    run,
    twin,
)

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 53], [27, 18, 28, 18, 28, 45, 9, 0, 60]])
OTHER = ((16, 18, 0, 33, 9, 8, 49, 2, 5), (7, 7, 7, 11, 12, 60, 1, 2, 3))
B1 = "transformer.h.1"
BOUND = 1e-12

MODULES = {
    "transformer.wte": "transformer.wte",
    "transformer.drop": "transformer.drop",
    "transformer.h.{i}": "transformer.h.{i}",
    "transformer.h.{i}.ln_1": "transformer.h.{i}.ln_1",
    "transformer.h.{i}.attn.c_attn": "transformer.h.{i}.attn.c_attn",
    "transformer.h.{i}.attn.c_proj": "transformer.h.{i}.attn.c_proj",
    "transformer.h.{i}.attn.resid_dropout": "transformer.h.{i}.attn.resid_dropout",
    "transformer.h.{i}.ln_2": "transformer.h.{i}.ln_2",
    "transformer.h.{i}.mlp.c_fc": "transformer.h.{i}.mlp.c_fc",
    "transformer.h.{i}.mlp.gelu": "transformer.h.{i}.mlp.act",
    "transformer.h.{i}.mlp.c_proj": "transformer.h.{i}.mlp.c_proj",
    "transformer.h.{i}.mlp.dropout": "transformer.h.{i}.mlp.dropout",
    "transformer.h.{i}.mlp": "transformer.h.{i}.mlp",
    "transformer.ln_f": "transformer.ln_f",
    "lm_head": "lm_head",
}
"""Tensors of the map that a module of transformers makes, and this module."""
CHANGES = [
    {"how": "zero"},
    {"how": "set", "value": 0.7, "position": 3},
    {"how": "scale", "value": -1.5, "channel": slice(2, 9)},
    {"how": "add", "value": 0.4, "position": [0, 5], "channel": [1, 7]},
    {"how": "patch", "value": OTHER, "position": slice(4, None)},
]


@contextmanager
def hooked(model: GPT2LMHeadModel, place: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Change the output of a module of transformers; attention's first, where there are several."""

    def hook(_module: object, _args: object, output: Any) -> Any:
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    handle = model.get_submodule(place).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation_function": "gelu"},
        {"bias": False, "tie_word_embeddings": False},
        {"n_layer": 2, "n_head": 1, "layer_norm_epsilon": 1e-2, "embedding": 0.01},
    ],
    ids=str,
)
def test_without_changes_it_is_transformers(options: dict[str, Any]) -> None:
    model = reference(**options)
    ours = run(model, IDS)
    with torch.no_grad():
        theirs = model(IDS, output_hidden_states=True, output_attentions=True, labels=IDS)
    assert difference(ours["lm_head"], theirs.logits) <= BOUND
    assert difference(ours["loss"][:, :-1].mean(), theirs.loss) <= 1e-6  # transformers' loss is in float32
    blocks = [ours[f"transformer.h.{i}"] for i in range(model.config.n_layer - 1)]
    states = [ours["transformer.drop"], *blocks, ours["transformer.ln_f"]]
    for mine, state in zip(states, theirs.hidden_states, strict=True):
        assert difference(mine, state) <= BOUND
    for i, pattern in enumerate(theirs.attentions):
        assert difference(ours[f"transformer.h.{i}.attn.pattern"], pattern) <= BOUND
    assert not differing(capture(twin(model, bias=options.get("bias", True)), IDS), ours, 1e-10)


def test_it_holds_every_name_of_the_map_with_its_axes() -> None:
    nodes = architecture(twin(reference()).config).nodes
    found = run(reference(), IDS)
    assert set(found) == set(names(3)) == set(nodes.names())
    for node in nodes:
        assert axes_of(node.id) == node.axes
        assert found[node.id].dim() == len(node.axes)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("layer", [0, 2])
def test_a_change_is_what_a_hook_on_transformers_module_does(name: str, layer: int) -> None:
    model = reference()
    for fields in CHANGES:
        change = Change(name.format(i=layer), **fields)  # type: ignore[arg-type]
        other = run(model, torch.tensor(OTHER))
        with torch.no_grad(), hooked(model, MODULES[name].format(i=layer), lambda x: changed(x, change, other)):  # noqa: B023
            expected = model(IDS).logits
        assert difference(run(model, IDS, [change])["lm_head"], expected) <= BOUND, change
        assert difference(run(model, IDS)["lm_head"], expected) > 1e-4, change


@pytest.mark.parametrize("layer", [0, 2])
def test_a_change_of_attention_as_a_whole_and_of_positions(layer: int) -> None:
    model = reference()
    change = Change(f"transformer.h.{layer}.attn", "add", 0.4, position=[1, 6])
    with torch.no_grad(), hooked(model, change.name, lambda x: changed(x, change)):
        assert difference(run(model, IDS, [change])["lm_head"], model(IDS).logits) <= BOUND
    change = Change("transformer.wpe", "scale", 2.5, position=slice(3, 6))
    with torch.no_grad(), hooked(model, change.name, lambda x: changed(x[0], change)[None]):
        assert difference(run(model, IDS, [change])["lm_head"], model(IDS).logits) <= BOUND


@contextmanager
def attention(change: dict[str, Callable[[Tensor], Tensor]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change the arguments or the result of transformers' eager attention in layer 1."""
    eager: Any = modeling_gpt2.eager_attention_forward

    def same(x: Tensor) -> Tensor:
        return x

    def altered(module: Any, q: Tensor, k: Tensor, v: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        if module.layer_idx != 1:
            return eager(module, q, k, v, *args, **options)
        q, k, v = (change.get(letter, same)(x) for letter, x in zip("qkv", (q, k, v), strict=True))
        z, pattern = eager(module, q, k, v, *args, **options)
        return change.get("z", same)(z.transpose(1, 2)).transpose(1, 2), pattern

    with monkeypatch.context() as patch:
        patch.setattr(modeling_gpt2, "eager_attention_forward", altered)
        yield


@pytest.mark.parametrize("letter", ["q", "k", "v", "z"])
@pytest.mark.parametrize("how", ["zero", "set", "scale", "add", "patch"])
def test_a_change_of_heads_is_what_transformers_attention_does(
    letter: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = reference()
    value = OTHER if how == "patch" else None if how == "zero" else 0.6
    change = Change(f"{B1}.attn.{letter}", how, value, head=[1, 3], position=slice(2, 7), channel=slice(1, None, 2))
    other = run(model, torch.tensor(OTHER))
    with torch.no_grad(), attention({letter: lambda x: changed(x, change, other)}, monkeypatch):
        expected = model(IDS).logits
    assert difference(run(model, IDS, [change])["lm_head"], expected) <= BOUND
    assert difference(run(model, IDS)["lm_head"], expected) > 1e-4


def test_an_edge_that_is_cut_is_what_a_mask_of_transformers_does() -> None:
    model = reference()
    edges = [(5, 2), (5, 5), (8, 0)]
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.float64).masked_fill(torch.ones(9, 9).triu(1).bool(), -math.inf)
    for query, key in edges:
        mask[..., query, key] = -math.inf
    with torch.no_grad():
        expected = model(IDS, attention_mask=mask.expand(2, 1, 9, 9)).logits  # of every layer, every head
    cut = [
        Change(f"transformer.h.{i}.attn.masked", "set", -math.inf, position=query, key=key)
        for i in range(3)
        for query, key in edges
    ]
    assert difference(run(model, IDS, cut)["lm_head"], expected) <= BOUND
    assert difference(run(model, IDS)["lm_head"], expected) > 1e-4


EQUAL = {
    "k": (Change("", "add", 0.3, head=1, position=2, channel=3), "k_t"),
    "scores": (Change("", "scale", 1.7, head=2, position=5), "scaled"),
    "pattern": (Change("", "set", 0.2, head=0, position=7, key=[1, 3]), "attn_dropout"),
    "z": (Change("", "zero", head=3), "sdpa"),
    "c_proj": (Change("", "add", 0.3, channel=8), "resid_dropout"),
}
"""A change, and a name further on where it must come to the same."""


@pytest.mark.parametrize("inside", EQUAL)
def test_the_same_change_further_on_differs_only_between_the_two(inside: str) -> None:
    model = reference()
    change, further = EQUAL[inside]
    fields = {"how": change.how, "value": change.value, **change.selectors}
    first = run(model, IDS, [Change(f"{B1}.attn.{inside}", **fields)])  # type: ignore[arg-type]
    second = run(model, IDS, [Change(f"{B1}.attn.{further}", **fields)])  # type: ignore[arg-type]
    off = set(differing(first, second, BOUND))
    assert f"{B1}.attn.{inside}" in off
    assert off <= {f"{B1}.attn.{inside}"} | ({f"{B1}.attn.scores"} if inside == "scores" else set())


def test_a_change_shows_from_its_name_on_and_nowhere_before() -> None:
    model, plain = reference(), run(reference(), IDS)
    order = list(plain)  # as the run goes
    for name in order:
        if name in FIXED:
            continue
        # one number of a row: more would be lost in a norm or a softmax
        where = {"key": 2} if axes_of(name).count("T") == 2 else {"channel": 3}
        found = run(model, IDS, [Change(name, "add", 0.5, position=4, **where)])  # type: ignore[arg-type]
        off = differing(found, plain, BOUND)
        assert {name, "probs"} <= set(off)
        assert all(order.index(other) >= order.index(name) for other in off)
        for other in off:
            if other.endswith((".scores", ".scaled")):  # before the mask, earlier queries meet later keys
                continue
            before, after = (each[other].narrow(axis_of(other, "position"), 0, 4) for each in (plain, found))
            assert difference(after, before) <= BOUND, (name, other)


def test_one_change_after_the_other() -> None:
    model, name = reference(), f"{B1}.mlp.gelu"
    add, scale = Change(name, "add", 1.0, position=4), Change(name, "scale", 3.0, channel=5)
    plain = run(model, IDS)[name]
    both, turned = run(model, IDS, [add, scale])[name], run(model, IDS, [scale, add])[name]
    assert difference(both[:, 4, 5], (plain[:, 4, 5] + 1) * 3) <= BOUND
    assert difference(turned[:, 4, 5], plain[:, 4, 5] * 3 + 1) <= BOUND


def test_selectors_pick_a_block() -> None:
    x = torch.arange(2 * 4 * 9 * 9, dtype=torch.float64).view(2, 4, 9, 9)
    name = f"{B1}.attn.pattern"
    found = changed(x, Change(name, "set", -1.0, head=[0, 2], position=slice(1, 3), key=(0, 5)))
    expected = x.clone()
    for head in (0, 2):
        for query in (1, 2):
            for key in (0, 5):
                expected[:, head, query, key] = -1
    assert torch.equal(found, expected)
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)  # an axis that an int picks is absent
    found = changed(x, Change(name, "set", rows, head=1, position=-1, key=slice(2, 4)))
    assert torch.equal(found[:, 1, 8, 2:4], rows)
    assert int((found != x).sum()) == 4
    assert changed(x, Change(name, "set", 0.2))[0, 0, 0, 0].item() == 0.2  # a number is not rounded on its way
    k_t = torch.zeros(2, 4, 8, 9)
    assert changed(k_t, Change(f"{B1}.attn.k_t", "set", 1.0, position=6))[..., 6].all()
    assert changed(k_t, Change(f"{B1}.attn.k_t", "set", 1.0, channel=6))[:, :, 6].all()


def test_the_comparison_sees_what_differs() -> None:
    a = torch.tensor([1.0, -math.inf, math.nan])
    assert difference(a, a) == 0
    assert difference(a, torch.tensor([1.5, -math.inf, math.nan])) == 0.5
    for b in ([1.0, math.inf, math.nan], [1.0, 2.0, math.nan], [1.0, -math.inf, math.inf], [math.nan, -math.inf, 0.0]):
        assert difference(a, torch.tensor(b)) == difference(torch.tensor(b), a) == math.inf
    assert difference(a, a[None]) == math.inf


def test_every_tensor_but_three_can_be_changed() -> None:
    assert len(names(1)) == len(AXES_IN_BLOCK) + 10
    with pytest.raises(StopIteration):
        changed(torch.zeros(1, 3), Change("idx", "zero", channel=0))
