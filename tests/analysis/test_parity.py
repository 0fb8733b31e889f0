"""The parity line: nothing but rounding where all is well, large where a number on the screen is wrong."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore import GPT, capture, model
from gptcore.analysis.parity import parity, teaching_logits
from gptcore.capture.trace import Trace
from tests.conftest import random_model
from tests.reference import Altered

IDS = [(i * 7) % 17 for i in range(12)]


def grown(gpt: GPT, *lengths: int) -> Trace:
    """A trace of the first ids, after each of the lengths in turn."""
    trace = capture(gpt, IDS[: lengths[0]])
    for shorter, longer in pairwise(lengths):
        trace = capture(gpt, IDS[:longer], previous=trace)
        assert trace.reused == min(shorter, longer)
    return trace


@pytest.mark.parametrize("lengths", [(12,), tuple(range(1, 13)), (3, 11, 5, 12), (12, 7), (1,)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False, "n_head": 1, "dropout": 0.5},
        {"tie_weights": False, "n_head": 4, "activation": "gelu_tanh", "layer_norm_epsilon": 1e-3},
    ],
    ids=["plain", "no bias", "untied"],
)
def test_two_paths_give_the_same_numbers(options: dict[str, Any], lengths: tuple[int, ...]) -> None:
    gpt = random_model(dtype=torch.float64, **options)
    trace = grown(gpt, *lengths)
    assert trace.logits.abs().max() > 0.1  # logits that could differ
    assert parity(gpt, trace) < 1e-10


def test_a_batch_counts_its_worst_row() -> None:
    gpt = random_model(dtype=torch.float64)
    ids = torch.tensor([IDS, IDS[::-1]])
    trace = capture(gpt, ids)
    assert parity(gpt, trace) < 1e-10
    logits = teaching_logits(gpt, ids)
    assert logits.shape == (2, 1, 17)
    assert (logits[0] - logits[1]).abs().max() > 0.1
    assert trace._last_logits is not None
    trace._last_logits[1, 0, 5] += 0.25
    assert parity(gpt, trace) == pytest.approx(0.25)


def test_float32_differs_by_its_rounding() -> None:
    gpt = random_model()
    assert 0 < parity(gpt, grown(gpt, *range(1, 13))) < 1e-4


def test_a_wrong_scale_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt = random_model(dtype=torch.float64)

    def unscaled(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, scale=1.0, **options)

    with monkeypatch.context() as patch:  # of the fused path
        patch.setattr(model, "F", Altered(F, scaled_dot_product_attention=unscaled))
        assert parity(gpt, grown(gpt, 12)) > 1e-3
    with monkeypatch.context() as patch:  # of the pattern over a past
        patch.setattr(model, "math", Altered(math, sqrt=lambda D: 1.0))
        assert parity(gpt, grown(gpt, 6, 12)) > 1e-3
    assert parity(gpt, grown(gpt, 6, 12)) < 1e-10


def test_weights_changed_since_the_trace_are_noticed() -> None:
    gpt = random_model(dtype=torch.float64)
    trace = grown(gpt, 6, 12)
    with torch.no_grad():
        gpt.transformer.h[1].attn.c_proj.bias[0] += 0.1
    assert parity(gpt, trace) > 1e-3


def test_the_global_random_numbers_stay_as_they_were() -> None:
    gpt = random_model(dtype=torch.float64)
    trace = grown(gpt, 6, 12)
    before = torch.get_rng_state()
    parity(gpt, trace)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["transformer.wpe.weight", "transformer.h.1.mlp.c_fc.weight", "lm_head.weight"])
def test_weights_that_are_no_numbers_give_no_number(name: str) -> None:
    gpt = random_model(dtype=torch.float64)
    with torch.no_grad():
        gpt.get_parameter(name)[1, 1] = torch.nan
    assert math.isnan(parity(gpt, grown(gpt, 12)))
    assert math.isnan(parity(gpt, capture(gpt, IDS, previous=capture(gpt, IDS[:6]))))
