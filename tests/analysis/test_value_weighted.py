"""Value-weighted patterns against their definition, written out with plain torch on transformers' GPT-2."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import Checkpoint, Edit, capture
from gptcore.analysis.value_weighted import value_weighted, value_weighted_layer
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])


@torch.no_grad()
def by_definition(theirs: Any, ids: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """The vectors that each key adds to each query, (B, H, query, key, C), and the output of attention, (B, T, C)."""
    attn = theirs.transformer.h[layer].attn
    seen: dict[str, Tensor] = {}
    handles = [
        attn.register_forward_pre_hook(
            lambda module, args, named: seen.update(x=args[0] if args else named["hidden_states"]), with_kwargs=True
        ),
        attn.register_forward_hook(lambda module, args, out: seen.update(out=out if torch.is_tensor(out) else out[0])),
    ]
    theirs(ids)
    for handle in handles:
        handle.remove()
    B, T, C = seen["x"].shape
    H = theirs.config.n_head
    joint = seen["x"] @ attn.c_attn.weight + attn.c_attn.bias
    q, k, v = (part.reshape(B, T, H, C // H).transpose(1, 2) for part in joint.split(C, dim=-1))
    scores = q @ k.transpose(-1, -2) / (C // H) ** 0.5
    weights = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf).softmax(-1)
    added = torch.empty(B, H, T, T, C, dtype=torch.float64)
    for head in range(H):
        rows = attn.c_proj.weight[head * (C // H) : (head + 1) * (C // H)]  # (D, C)
        added[:, head] = weights[:, head, :, :, None] * (v[:, head] @ rows)[:, None]
    return added, seen["out"]


@pytest.mark.parametrize("layer", range(3))
def test_it_is_the_length_of_what_each_key_adds(pair: tuple[Any, Checkpoint], layer: int) -> None:
    theirs, ckpt = pair
    added, out = by_definition(theirs, IDS, layer)
    bias = theirs.transformer.h[layer].attn.c_proj.bias
    torch.testing.assert_close(added.sum(dim=(1, 3)) + bias, out, rtol=0, atol=1e-10)  # all of it is attention's output
    for trace in (capture(ckpt, IDS), capture(ckpt, IDS, previous=capture(ckpt, IDS[:, :5]))):
        found = value_weighted(trace, layer)
        assert found.shape == (2, theirs.config.n_head, 8, 8)
        torch.testing.assert_close(found, added.norm(dim=-1), rtol=0, atol=1e-10)
        whole = value_weighted_layer(trace, layer)
        torch.testing.assert_close(whole, added.sum(dim=1).norm(dim=-1), rtol=0, atol=1e-10)
    assert (found.sum(1) - whole).abs().max() > 0.1  # the heads' vectors point elsewhere
    pattern = trace[f"transformer.h.{layer}.attn.pattern"]
    assert (found / pattern.clamp_min(1e-12)).std() > 0.1  # the lengths differ: it is no pattern


def test_it_is_that_of_the_edited_run() -> None:
    model = random_model(dtype=torch.float64)
    ids = [3, 1, 4, 1, 5]
    edited = capture(model, ids, edits=[Edit("transformer.h.1.attn.v", "scale", 3.0, head=1)])
    found, plain = value_weighted(edited, 1)[0], value_weighted(capture(model, ids), 1)[0]
    torch.testing.assert_close(found[1], 3 * plain[1], rtol=0, atol=1e-10)
    torch.testing.assert_close(found[0], plain[0], rtol=0, atol=1e-10)


def test_half_precision_and_a_model_without_biases() -> None:
    model = random_model(dtype=torch.float64, bias=False)
    ids = [3, 1, 4, 1, 5]
    expected = value_weighted(capture(model, ids), 2)
    found = value_weighted(capture(model.bfloat16(), ids), 2)
    assert (found.double() - expected).abs().max() <= 0.05 * expected.abs().max()


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_layer_that_is_not_there_is_told(layer: int) -> None:
    trace = capture(random_model(), [3, 1, 4])
    with pytest.raises(IndexError, match=f"there is no layer {layer}; choose one from 0 to 2"):
        value_weighted(trace, layer)
    with pytest.raises(IndexError, match=f"there is no layer {layer}"):
        value_weighted_layer(trace, layer)


def test_changed_weights_are_told() -> None:
    model = random_model()
    trace = capture(model, [3, 1, 4])
    with torch.no_grad():
        model.get_parameter("transformer.h.1.attn.c_proj.weight").mul_(2)
    with pytest.raises(RuntimeError, match="weights have changed"):
        value_weighted(trace, 1)
