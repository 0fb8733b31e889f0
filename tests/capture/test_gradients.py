"""Gradients of a metric: autograd through GPT-2 written out by hand, and central differences of edited captures."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import GPT, capture
from tests.capture.edit_cases import IDS, NODES, T, changes, edit_of, edited
from tests.capture.reference_edits import FIXED, Change, difference, names, reference, run, twin

pytestmark = pytest.mark.usefixtures("shapes_by_hand")
BOUND = 1e-9
ALL = [name for name in names(3) if name not in FIXED]
A1 = "transformer.h.1.attn"


def logit_difference(logits: Tensor) -> Tensor:
    return logits[:, -1, 7].sum() - 0.5 * logits[:, -1, 11].sum()


def entropy_of_all(logits: Tensor) -> Tensor:
    """Not linear, and of every position."""
    return -(logits.softmax(-1) * logits.log_softmax(-1)).sum() + logits[0, 2, 3] ** 2


def by_hand(
    metric: Callable[[Tensor], Tensor],
    wanted: Sequence[str],
    ids: Tensor = IDS,
    made: Sequence[Change] = (),
    **options: Any,
) -> dict[str, Tensor]:
    """Autograd through the written-out pass; zeros where the metric does not depend on a tensor."""
    found = run(reference(**options), ids, made)
    tensors = [found[name] for name in wanted]
    gradients = torch.autograd.grad(metric(found["lm_head"]), tensors, allow_unused=True, materialize_grads=True)
    return dict(zip(wanted, gradients, strict=True))


def differing(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    off = {name: difference(found[name], expected[name]) for name in expected}
    return {name: value for name, value in off.items() if not value <= BOUND}


@pytest.mark.parametrize("metric", [logit_difference, entropy_of_all])
def test_every_tensor_at_once(metric: Callable[[Tensor], Tensor]) -> None:
    found = gptcore.gradients(twin(reference()), IDS, metric, ALL)
    assert list(found) == ALL
    expected = by_hand(metric, ALL)
    assert not differing(found, expected)
    assert sum(bool(gradient.any()) for gradient in expected.values()) == len(ALL)


@pytest.mark.parametrize("name", NODES)
def test_each_tensor_alone(name: str) -> None:
    """A tensor's gradient does not change with what is asked for along with it."""
    model = twin(reference())
    for wanted in ([name], [name, "transformer.embed"], ["lm_head", name], ["transformer.h.0.attn.scores", name]):
        found = gptcore.gradients(model, IDS[:1], entropy_of_all, wanted)
        assert set(found) == set(wanted)
        assert not differing(found, by_hand(entropy_of_all, wanted, IDS[:1]))


@pytest.mark.parametrize("name", NODES)
def test_central_differences(name: str) -> None:
    """The gradient tells what a small edit does to the metric."""
    model, step = twin(reference()), 1e-5
    gradient = gptcore.gradients(model, IDS[:1], entropy_of_all, [name])[name]
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)
    if name.endswith(".masked"):
        direction = direction.tril()  # minus infinity stays what it is
    ends = []
    for sign in (1, -1):
        edit = gptcore.Edit(name, "add", sign * step * direction)
        ends.append(entropy_of_all(gptcore.capture(model, IDS[:1], edits=[edit]).logits).item())
    expected = (gradient * direction).sum().item()
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert abs(expected) > 1e-3


@settings(max_examples=40)
@given(st.lists(changes(), max_size=3), st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True))
def test_under_edits(made: list[Change], wanted: list[str]) -> None:
    """The gradient with respect to a tensor as all that reads it sees it: after its edits."""
    model = twin(reference())
    edits = [edit_of(model, change) for change in made]
    found = gptcore.gradients(model, IDS[:1], entropy_of_all, wanted, edits=edits)
    expected = by_hand(entropy_of_all, wanted, IDS[:1], made)
    scale = max(1.0, *(gradient.abs().max().item() for gradient in expected.values()))
    assert all(difference(found[name], expected[name]) <= BOUND * scale for name in wanted)


def test_what_is_cut_off_by_an_edit_has_no_gradient() -> None:
    model = twin(reference())
    wanted = ["transformer.h.0.resid_post", "transformer.h.1.attn.z", "transformer.h.2.resid_mid"]
    cut = gptcore.Edit("transformer.h.1.resid_post", "zero")
    found = gptcore.gradients(model, IDS, logit_difference, wanted, edits=[cut])
    assert [bool(found[name].any()) for name in wanted] == [False, False, True]
    assert [found[name].shape for name in wanted] == [(2, T, 32), (2, 4, T, 8), (2, T, 32)]


@pytest.mark.parametrize(
    "options", [{"activation_function": "gelu"}, {"bias": False, "tie_word_embeddings": False}], ids=str
)
def test_other_models(options: dict[str, Any]) -> None:
    model = twin(reference(**options), bias=options.get("bias", True))
    assert not differing(gptcore.gradients(model, IDS, entropy_of_all, ALL), by_hand(entropy_of_all, ALL, **options))


def test_ids_as_capture_takes_them() -> None:
    model, wanted = twin(reference()), ["transformer.h.1.attn.pattern"]
    expected = by_hand(logit_difference, wanted, IDS[:1])
    for ids in (IDS[0].tolist(), IDS[0], IDS[:1]):
        assert not differing(gptcore.gradients(model, ids, logit_difference, wanted), expected)
    one = gptcore.gradients(model, [5], logit_difference, ALL)
    assert not differing(one, by_hand(logit_difference, ALL, torch.tensor([[5]])))


def test_in_float32_and_without_gradients_around() -> None:
    model = twin(reference(), torch.float32)
    expected = by_hand(logit_difference, ALL)
    with torch.no_grad():
        found = gptcore.gradients(model, IDS, logit_difference, ALL)
    for name in ALL:
        assert found[name].dtype == torch.float32
        assert difference(found[name], expected[name]) <= 1e-3 * max(1.0, expected[name].abs().max().item()), name
        assert found[name].shape == capture(model, IDS)[name].shape


# Nothing is left


def traces_of(model: GPT) -> list[Any]:
    """Return all that a run of autograd could leave on a model."""
    left: list[Any] = [(p.requires_grad, p.grad is None, p.grad_fn) for p in model.parameters()]
    left += [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()]
    left += [sorted(vars(module)) for module in model.modules()]
    return [*left, model.training, torch.is_grad_enabled()]


@pytest.mark.parametrize("frozen", [False, True, None], ids=["trainable", "frozen", "one with a gradient"])
def test_nothing_is_left_on_the_model(frozen: bool | None) -> None:
    model = twin(reference())
    model.requires_grad_(not frozen)
    capture(model, IDS)  # installs what captures need
    if frozen is None:
        model.transformer.h[1].mlp.c_fc.weight.grad = torch.full_like(model.transformer.h[1].mlp.c_fc.weight, 3.0)
    before, state = traces_of(model), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plain, random_state = capture(model, IDS), torch.random.get_rng_state()
    found = gptcore.gradients(model, IDS, entropy_of_all, ALL, edits=[gptcore.Edit(f"{A1}.z", "scale", 0.5)])
    for gradient in found.values():
        assert gradient.grad_fn is None and not gradient.requires_grad
    assert traces_of(model) == before
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert torch.equal(torch.random.get_rng_state(), random_state)
    again = capture(model, IDS)
    assert all(difference(again[name], plain[name]) == 0 for name in plain)
    assert capture(model, [*IDS[0].tolist(), 1], previous=capture(model, IDS[0])).reused == T
    if frozen is None:
        assert (model.transformer.h[1].mlp.c_fc.weight.grad == 3).all()
    assert not differing(gptcore.gradients(model, IDS, entropy_of_all, ALL), by_hand(entropy_of_all, ALL))


def test_no_graph_is_left() -> None:
    model, seen = twin(reference()), []

    def metric(logits: Tensor) -> Tensor:
        seen.append(weakref.ref(logits))
        return logits.sum()

    found = gptcore.gradients(model, IDS, metric, [f"{A1}.z"])
    gc.collect()
    assert seen[0]() is None
    assert found[f"{A1}.z"].any()


class Stop(BaseException):
    """As a Ctrl-C, or Streamlit's, would come."""


def test_a_metric_that_fails_leaves_nothing() -> None:
    model = twin(reference())
    capture(model, IDS)
    before = traces_of(model)

    def metric(logits: Tensor) -> Tensor:
        raise Stop

    with pytest.raises(Stop):
        gptcore.gradients(model, IDS, metric, ALL)
    assert traces_of(model) == before
    edits = [Change(f"{A1}.z", "zero", head=1)]
    trace = edited(model, IDS, edits)
    assert difference(trace.logits, run(reference(), IDS, edits)["lm_head"]) <= BOUND
    assert not trace.logits.requires_grad


# Errors


@pytest.mark.parametrize(
    ("wanted", "metric", "sentence"),
    [
        (["transformer.h.1.attn.patern"], logit_difference, r"attn\.pattern"),
        (["transformer.h.3.mlp"], logit_difference, r"transformer\.h\.3\.mlp"),
        (["idx"], logit_difference, "idx"),
        (["probs"], logit_difference, "probs"),
        (["loss"], logit_difference, "loss"),
        ("lm_head", logit_difference, r"\['lm_head'\]"),
        ("transformer.h.1", logit_difference, r"\['transformer\.h\.1'\]"),
        (["lm_head"], lambda logits: logits[:, -1], r"\(2, 61\)"),
        (["lm_head"], lambda logits: logits.sum().item(), "metric"),
        (["lm_head"], lambda logits: torch.zeros(()), "metric"),
    ],
)
def test_what_has_no_gradient_is_told(wanted: Any, metric: Any, sentence: str) -> None:
    with pytest.raises((ValueError, KeyError), match=sentence):
        gptcore.gradients(twin(reference()), IDS, metric, wanted)


def test_edits_and_ids_are_checked_as_by_capture() -> None:
    model = twin(reference())
    with pytest.raises(ValueError, match="head"):
        gptcore.gradients(model, IDS, logit_difference, ["lm_head"], edits=[gptcore.Edit(f"{A1}.z", "zero", head=4)])
    with pytest.raises(ValueError, match="vocabulary"):
        gptcore.gradients(model, [61], logit_difference, ["lm_head"])


@pytest.mark.parametrize("name", ["attn.sdpa", "attn", "mlp", ""])
@pytest.mark.parametrize("how", ["zero", "scale"])
def test_of_a_container_that_is_edited_itself(name: str, how: str) -> None:
    whole = f"transformer.h.0.{name}" if name else "transformer.h"
    model = twin(reference())
    made = [Change(whole, how, None if how == "zero" else 0.5)]
    found = gptcore.gradients(model, IDS[:1], entropy_of_all, [whole], edits=[edit_of(model, each) for each in made])
    expected = by_hand(entropy_of_all, [whole], IDS[:1], made)
    assert expected[whole].any()
    assert not differing(found, expected)
