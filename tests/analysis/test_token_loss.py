"""The guess at each position against torch's own cross-entropy and softmax, and its entropy by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from gptcore import Edit, capture
from gptcore.analysis.token_loss import guess_at, of_trace
from tests.conftest import random_model

IDS = [(i * 7) % 17 for i in range(12)]
MODEL = random_model()


def test_each_guess_is_what_the_logits_say() -> None:
    trace = capture(MODEL, IDS)
    logits = trace.logits[0].double()
    for t, guess in enumerate(of_trace(trace).guesses):
        probs = logits[t].softmax(-1)
        assert guess.index == IDS[t]
        assert guess.best == int(probs.argmax())
        assert guess.best_probability == pytest.approx(probs.max().item(), abs=1e-6)
        assert guess.entropy == pytest.approx(-sum(p * math.log(p) for p in probs.tolist()), abs=1e-5)
        assert guess.entropy_bits == pytest.approx(-sum(p * math.log2(p) for p in probs.tolist()), abs=1e-5)
        if t + 1 == len(IDS):
            assert (guess.target, guess.loss, guess.probability, guess.rank) == (None, None, None, None)
            continue
        target = IDS[t + 1]
        assert guess.target == target
        assert guess.loss == pytest.approx(F.cross_entropy(logits[t], torch.tensor(target)).item(), abs=1e-5)
        assert guess.probability == pytest.approx(probs[target].item(), abs=1e-6)
        assert guess.rank == 1 + sum(p > probs[target] for p in probs)


def test_one_position_is_that_of_all() -> None:
    trace = capture(MODEL, IDS)
    for t, expected in enumerate(of_trace(trace).guesses):
        for position in (t, t - 12):
            found = guess_at(trace, position)
            assert (found.index, found.target, found.rank, found.best) == (
                expected.index,
                expected.target,
                expected.rank,
                expected.best,
            )
            assert found.entropy == pytest.approx(expected.entropy, abs=1e-5)
    assert guess_at(trace) == guess_at(trace, 11)


def test_what_cannot_come_has_no_share_in_the_entropy() -> None:
    banned = Edit("lm_head", "set", float("-inf"), channel=slice(1, 17))
    guess = guess_at(capture(MODEL, IDS, edits=[banned]))
    assert (guess.best, guess.best_probability, guess.entropy) == (0, 1.0, 0.0)
    equal = guess_at(capture(MODEL, IDS, edits=[Edit("lm_head", "zero")]))
    assert equal.entropy == pytest.approx(math.log(17), abs=1e-6)


@pytest.mark.parametrize("position", [12, -13])
def test_a_position_that_is_not_there_is_refused(position: int) -> None:
    with pytest.raises(ValueError, match=f"position must be from -12 to 11, got {position}; take one of the run's"):
        guess_at(capture(MODEL, IDS), position)
