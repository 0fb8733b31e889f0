"""Differences of two models against plain numpy; what cannot be compared is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gptcore import GPT, GPTConfig, capture
from gptcore.analysis import tensor_differences, weight_differences
from tests.conftest import random_model

SIZES: dict[str, Any] = {"block_size": 9, "vocab_size": 7, "n_layer": 2, "n_head": 3, "n_embd": 12}
IDS = [3, 1, 4, 1, 5]


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return |other - one| / |one| by numpy, of the cells that are finite in both."""
    a, b = (each.detach().numpy().astype(np.float64) for each in (one, other))
    known = np.isfinite(a) & np.isfinite(b)
    return float(np.sqrt(((b[known] - a[known]) ** 2).sum() / (a[known] ** 2).sum()))


def test_each_tensor_is_told_with_its_own_distance() -> None:
    one, other = (capture(random_model(seed, **SIZES), IDS) for seed in (1, 2))
    found = tensor_differences(one, other)
    for name in ("transformer.embed", "transformer.h.1.attn.masked", "transformer.h.0.mlp.gelu", "lm_head", "probs"):
        assert found[name] == pytest.approx(relative(one[name], other[name]), rel=1e-12), name
    assert found["transformer.h.1.attn.pattern"] != pytest.approx(found["transformer.h.0.attn.pattern"])
    assert not {"idx", "loss"} & set(found)
    back = tensor_differences(other, one, ["lm_head"])  # the norm below is that of the first
    assert back["lm_head"] == pytest.approx(relative(other["lm_head"], one["lm_head"])) != found["lm_head"]


def test_each_weight_is_told_with_its_own_distance() -> None:
    one, other = (random_model(seed, **SIZES) for seed in (1, 2))
    found = weight_differences(one, other)
    assert found.keys() == dict(one.named_parameters()).keys()
    for name, weight in one.named_parameters():
        assert found[name] == pytest.approx(relative(weight, other.get_parameter(name)), rel=1e-12), name


def test_what_is_the_same_is_zero_away_and_what_was_zero_is_infinitely_far() -> None:
    model = random_model(1, **SIZES)
    assert set(tensor_differences(capture(model, IDS), capture(model, IDS)).values()) == {0.0}
    zero = random_model(1, **SIZES)
    with torch.no_grad():
        zero.transformer.wpe.weight.zero_()
    assert weight_differences(zero, model)["transformer.wpe.weight"] == np.inf


def test_a_stop_gives_what_is_done() -> None:
    run = capture(random_model(1, **SIZES), IDS)
    assert len(tensor_differences(run, run, progress=lambda done, of: done < 4)) == 4


def test_other_tokens_and_other_shapes_are_refused() -> None:
    model = random_model(1, **SIZES)
    run = capture(model, IDS)
    with pytest.raises(ValueError, match="same tokens"):
        tensor_differences(run, capture(model, IDS[::-1]))
    wider = GPT(GPTConfig(**{**SIZES, "n_embd": 15})).eval()
    with pytest.raises(ValueError, match=r"transformer.wte is \(1, 5, 12\) in one run and \(1, 5, 15\)"):
        tensor_differences(run, capture(wider, IDS))
    with pytest.raises(ValueError, match=r"\(7, 12\) and \(7, 15\); compare models of the same shape"):
        weight_differences(model, wider)
