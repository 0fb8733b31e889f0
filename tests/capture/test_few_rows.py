"""Products of few rows made in parts: the same numbers as the plain product, and only where they are meant to be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F

from gptcore import GPT, Edit, Trace, capture
from gptcore.capture import few_rows
from gptcore.capture.capture import capture_both
from gptcore.capture.few_rows import FEW, LARGE, PARTS, in_parts, on_all_cores
from tests.conftest import random_model

IDS = [3, 1, 4, 1, 5, 9]
OFF = [Edit("transformer.h.1.attn.z", "zero", head=1)]
WIDE = LARGE // 32 + 3
"""Vocabulary with which the head is a large weight; no multiple of the parts."""


@pytest.fixture
def model() -> GPT:
    return random_model(vocab_size=WIDE, n_embd=32)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Count the products that are made in parts, on a machine on which that pays."""
    shapes: list[torch.Size] = []

    def counted(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        shapes.append(x.shape)
        return in_parts(x, *rest)

    monkeypatch.setattr(few_rows, "in_parts", counted)
    monkeypatch.setattr(few_rows, "_pays", lambda threads: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    return shapes


def last(trace: Trace) -> torch.Tensor:
    """Return the logits of the last position as the run made them."""
    return trace.rows("lm_head", trace.T - 1, trace.T)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 1), (1, 3), (2, 3), (FEW,)])
@pytest.mark.parametrize("out", [PARTS * 9, PARTS * 9 + 5])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_the_linear_layers_product(shape: tuple[int, ...], out: int, biased: bool) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(*shape, 24), torch.randn(out, 24)
    bias = torch.randn(out) if biased else None
    exact = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    assert in_parts(x, weight, bias).shape == exact.shape
    torch.testing.assert_close(in_parts(x, weight, bias).double(), exact, rtol=0, atol=1e-4)


def test_a_run_makes_its_few_rows_in_parts_and_its_numbers_stay(model: GPT, made: list[torch.Size]) -> None:
    runs: list[Trace] = []
    for _ in range(2):
        before = capture(model, IDS[:-1])
        changed = capture(model, IDS[:-1], edits=OFF, previous=before)
        runs += [before, changed, capture(model, IDS, previous=before)]
        runs += capture_both(model, IDS, OFF, previous=(before, changed))
        if len(runs) == 5:
            assert [tuple(shape) for shape in made] == [(1, 1, 32)] * 3 + [(2, 1, 32)]  # the head alone is large
            model.lm_head.weight.data = model.lm_head.weight.data.T.contiguous().T  # no parts of such a one
            made.clear()
    assert not made
    for mine, plain in zip(runs[:5], runs[5:], strict=True):
        torch.testing.assert_close(last(mine), last(plain), rtol=0, atol=1e-5)
    assert last(runs[0]).std() > 0.1
    assert (last(runs[0]) - last(runs[1])).abs().max() > 0.1


def test_it_ends_with_its_context_and_holds_for_one_thread(model: GPT, made: list[torch.Size]) -> None:
    x = torch.ones(1, 1, 32)
    with torch.no_grad():
        with on_all_cores(model):
            other = threading.Thread(target=lambda: model.lm_head(x))
            other.start()
            other.join()
            assert not made
            model.lm_head(x)
            assert len(made) == 1
        model.lm_head(x)
    assert len(made) == 1


def test_all_other_products_stay_as_they_are(model: GPT, made: list[torch.Size]) -> None:
    weight = model.lm_head.weight
    with on_all_cores(model):
        F.linear(torch.ones(1, 32), weight)  # its gradient may be wanted
        with torch.no_grad():
            F.linear(torch.ones(FEW + 1, 32), weight)
            F.linear(torch.ones(1, 32), weight[: LARGE // 32 - 1])
            F.linear(torch.ones(1, 32).double(), weight.double())
            F.linear(torch.ones(1, WIDE), weight.T)
            assert not made
            F.linear(torch.ones(FEW, 32), weight)
    assert [tuple(shape) for shape in made] == [(FEW, 32)]


def test_a_model_or_machine_that_gains_nothing_is_left_alone(
    model: GPT, made: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = random_model(vocab_size=WIDE, n_embd=32, dtype=torch.float64)
    for other in (random_model(), wide, deepcopy(model).to("meta")):
        assert isinstance(on_all_cores(other), nullcontext)
    monkeypatch.setattr(few_rows, "_pays", lambda threads: False)
    capture(model, IDS)
    monkeypatch.setattr(few_rows, "_pays", lambda threads: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    capture(model, IDS)
    assert not made
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    capture(model, IDS)
    assert made


def test_the_machine_is_measured_by_the_plain_product(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0]
    monkeypatch.setattr(few_rows, "perf_counter", lambda: clock[0])

    def takes(ticks: int) -> Callable[..., None]:
        def product(*_: torch.Tensor) -> None:
            clock[0] += ticks

        return product

    for parts, plain, pays in ((10, 20, True), (20, 20, False), (19, 20, False), (20, 10, False)):
        monkeypatch.setattr(few_rows, "_LINEAR", takes(plain))
        monkeypatch.setattr(few_rows, "in_parts", takes(parts))
        assert few_rows._pays.__wrapped__(2) is pays
