"""Each stage against transformers' logits processors; the draw against its probabilities; every refusal by its text."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from gptcore.generation.sampling import STAGES, Sampling, draw, generator_at

BOUND = 1e-9
NO_IDS: Any = None
"""The processors here look at no ids."""


def theirs(logits: Tensor, sampling: Sampling) -> dict[str, Tensor]:
    """The same stages by transformers."""
    scores, found = logits[None], {"logits": logits}
    scores = TemperatureLogitsWarper(float(sampling.temperature))(NO_IDS, scores)
    found["temperature"] = scores[0]
    if sampling.top_k is not None:
        scores = TopKLogitsWarper(sampling.top_k)(NO_IDS, scores)
    found["top_k"] = scores[0]
    if sampling.top_p is not None:
        scores = TopPLogitsWarper(sampling.top_p)(NO_IDS, scores)
    found["top_p"] = scores[0]
    return found


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert list(ours) == list(STAGES) == list(theirs)
    for stage, scores in theirs.items():
        assert torch.equal(ours[stage].isneginf(), scores.isneginf()), f"{stage} cuts other tokens"
        torch.testing.assert_close(ours[stage], scores, rtol=0, atol=BOUND)


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.05, 0.5, 0.8, 1, 1.7, 20.0]),
    top_k=st.none() | st.integers(1, 70),
    top_p=st.none() | st.floats(0, 1),
)


@given(samplings, st.integers(1, 61), st.integers(0, 10_000), st.booleans())
def test_each_stage_is_transformers(sampling: Sampling, V: int, seed: int, ties: bool) -> None:
    logits = torch.randn(V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3
    logits = logits.round() if ties else logits
    found = sampling.stages(logits)
    same(found, theirs(logits, sampling))
    expected = theirs(logits, sampling)["top_p"].softmax(-1)
    torch.testing.assert_close(sampling.probs(logits), expected, rtol=0, atol=BOUND)
    assert sampling.probs(logits).sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("top_p", [0.0, 0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("logits", [[0.0] * 10, [1.0, 1.0, 0.0, 0.0], [2.0], [0.0, -800.0, -math.inf, 0.0]])
def test_ties_and_edges_are_transformers(logits: list[float], top_p: float) -> None:
    for top_k in (None, 1, 2, 3, 100):
        sampling = Sampling(1.0, top_k, top_p)
        given_ = torch.tensor(logits, dtype=torch.float64)
        same(sampling.stages(given_), theirs(given_, sampling))


def test_all_that_are_as_likely_as_the_kth_stay() -> None:
    found = Sampling(1.0, top_k=2).stages(torch.tensor([3.0, 1.0, 2.0, 2.0]))
    assert found["top_k"].tolist() == [3.0, -math.inf, 2.0, 2.0]
    assert found["top_p"] is found["top_k"]  # not asked for


@given(st.integers(1, 30), st.integers(0, 1000))
def test_temperature_0_leaves_the_first_of_the_best(V: int, seed: int) -> None:
    logits = torch.randint(3, (V,), generator=torch.Generator().manual_seed(seed)).double()
    best = logits.tolist().index(logits.max())
    probs = Sampling(0, top_k=None, top_p=0.9).probs(logits)
    assert probs.tolist() == [float(i == best) for i in range(V)]
    assert draw(probs, generator_at(seed, 0)) == best


@given(samplings, st.integers(0, 1000), st.integers(0, 1000))
def test_what_is_cut_is_never_drawn(sampling: Sampling, seed: int, position: int) -> None:
    probs = sampling.probs(torch.randn(23, generator=torch.Generator().manual_seed(seed)) * 2)
    assert probs[draw(probs, generator_at(seed, position))] > 0


def test_tokens_are_drawn_as_often_as_their_probabilities_say() -> None:
    probs = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05, 0.0])
    count = 20_000
    drawn = torch.tensor([draw(probs, generator_at(3, position)) for position in range(count)])
    share = torch.bincount(drawn, minlength=6) / count
    assert (share - probs).abs().max() < 4 * math.sqrt(0.25 / count)
    both = (drawn[1:] == 0) & (drawn[:-1] == 0)  # neighbours know nothing of each other
    assert abs(both.float().mean().item() - 0.25) < 4 * math.sqrt(0.1875 / count)


@pytest.mark.parametrize(("random", "even"), [(0.0, 1), (0.5, 2), (1 - 2**-53, 3)])
def test_the_ends_of_the_random_numbers_draw_tokens_that_can_be_drawn(
    random: float, even: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size, **options: torch.tensor(random, dtype=torch.float64))
    assert draw(torch.tensor([0.0, 0.25, 0.25, 0.5, 0.0]), generator_at(0, 0)) == (1 if not random else 3)
    third = 1 / 3
    assert draw(torch.tensor([0.0, third, third, third, 0.0], dtype=torch.float64), generator_at(0, 0)) == even


def test_half_precision_is_computed_in_float32() -> None:
    logits = torch.randn(9, generator=torch.Generator().manual_seed(0))
    found = Sampling(0.7, 3, 0.8).stages(logits.bfloat16())
    assert {stage.dtype for stage in found.values()} == {torch.float32}
    assert found["logits"].equal(logits.bfloat16().float())
    assert Sampling(0.7, 3, 0.8).stages(logits.double())["top_p"].dtype == torch.float64


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": -0.1}, "temperature must be a number of at least 0, got -0.1; 0 takes the most likely"),
        ({"temperature": math.nan}, "temperature must be a number of at least 0, got nan; "),
        ({"temperature": math.inf}, "temperature must be a number of at least 0, got inf; "),
        ({"temperature": "hot"}, "temperature must be a number of at least 0, got 'hot'; "),
        ({"temperature": None}, "temperature must be a number of at least 0, got None; "),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0; None keeps all tokens"),
        ({"top_k": 2.5}, "top_k must be a whole number of at least 1, got 2.5; None keeps all tokens"),
        ({"top_k": True}, "top_k must be a whole number of at least 1, got True; None keeps all tokens"),
        ({"top_p": 1.01}, "top_p must be a number from 0 to 1, got 1.01; None keeps all tokens"),
        ({"top_p": -0.5}, "top_p must be a number from 0 to 1, got -0.5; None keeps all tokens"),
        ({"top_p": math.nan}, "top_p must be a number from 0 to 1, got nan; None keeps all tokens"),
    ],
)
def test_a_number_outside_its_range_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Sampling(**fields)


@pytest.mark.parametrize("logits", [torch.zeros(1, 4), torch.zeros(0), torch.zeros(4, dtype=torch.long)])
def test_other_than_v_numbers_are_refused(logits: Tensor) -> None:
    with pytest.raises(ValueError, match=r"logits of one position are wanted, \(V,\), got .* take trace.logits"):
        Sampling.stages(Sampling(), logits)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_logits_that_are_no_numbers_draw_nothing(wrong: float) -> None:
    probs = Sampling(top_k=None).probs(torch.tensor([0.0, wrong, 1.0]))
    with pytest.raises(ValueError, match=r"are no numbers \(NaN\), because .* look for the first tensor"):
        draw(probs, generator_at(0, 0))
