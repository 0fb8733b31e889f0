"""Times of parts: they add up, each module's time goes to its own part, and nothing of the clocks is left behind."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import nn

from gptcore import capture
from gptcore.analysis import part_times as module
from gptcore.analysis.part_times import part_times
from gptcore.graph.costs import Part
from gptcore.model import GPT, MLP, CausalSelfAttention
from tests.conftest import random_model

SIZES: dict[str, Any] = {"block_size": 13, "vocab_size": 19, "n_layer": 3, "n_head": 4, "n_embd": 20}


class Watch:
    """A clock that goes on only inside forward passes of modules, by a step that tells their class."""

    STEPS: tuple[tuple[type[nn.Module], int], ...] = (
        *((nn.Embedding, 1), (nn.LayerNorm, 100), (CausalSelfAttention, 10_000), (MLP, 1_000_000)),
        (GPT, 1_000_000_000),
    )

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        for kind, step in self.STEPS:
            self._slow(monkeypatch, kind, step)

    def _slow(self, monkeypatch: pytest.MonkeyPatch, kind: type[nn.Module], step: int) -> None:
        forward = kind.forward

        def slow(this: nn.Module, *args: Any, **kwargs: Any) -> Any:
            self.now += step
            return forward(this, *args, **kwargs)

        monkeypatch.setattr(kind, "forward", slow)


def test_each_modules_time_goes_to_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(**SIZES)
    Watch(monkeypatch)
    monkeypatch.setattr(module, "PATIENCE", float("inf"))
    times = part_times(model, list(range(11)), passes=3)
    expected: dict[Part, float] = {
        "embeddings": 2,
        "norms": 7 * 100,
        "attention": 3 * 10_000,
        "MLP": 3 * 1_000_000,
        "head": 0,
    }
    assert times.seconds == expected
    assert times.rest == 1_000_000_000
    assert times.whole == times.bare == times.rest + sum(expected.values())
    assert times.passes == 3


def test_parts_and_the_rest_are_the_whole() -> None:
    times = part_times(random_model(**SIZES), torch.zeros(2, 5, dtype=torch.long))
    assert sum(times.seconds.values()) + times.rest == pytest.approx(times.whole)
    assert all(seconds > 0 for seconds in times.seconds.values()) and 0 < times.rest < times.whole and times.bare > 0
    assert 1 <= times.passes <= 9


def test_flops_are_those_of_the_pass_that_was_measured() -> None:
    C, T, V, L = 20, 11, 19, 3
    flops = part_times(random_model(**SIZES), list(range(T)), passes=1).flops
    assert flops["attention"] == L * (2 * T * 4 * C * C + 4 * T * T * C) and flops["MLP"] == L * 2 * T * 8 * C * C
    assert flops["head"] == 2 * C * V  # of the last position
    assert flops["norms"] == flops["embeddings"] == 0


def test_a_long_pass_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert part_times(random_model(**SIZES), [1, 2, 3]).passes == 1


def test_no_hook_is_left_on_the_model_and_a_trace_goes_on() -> None:
    model = random_model(**SIZES)
    trace = capture(model, [1, 2, 3])
    before = sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())
    part_times(model, [1, 2, 3], passes=1)
    assert before == sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())
    assert capture(model, [1, 2, 3, 4], previous=trace).reused == 3
    assert not any(weight.is_meta for weight in model.parameters())


@pytest.mark.parametrize(
    ("ids", "passes", "words"), [([], 9, "one token or more"), ([1], 0, "at least 1"), ([1] * 14, 9, "at most 13")]
)
def test_errors_say_what_to_do(ids: list[int], passes: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        part_times(random_model(**SIZES), ids, passes)
