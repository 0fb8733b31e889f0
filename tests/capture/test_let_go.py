"""A run of which little is kept: it is read as any other, and what was let go is made anew, by the same weights."""

from __future__ import annotations

import pytest
import torch

from gptcore import Edit, architecture, capture
from gptcore.capture import hooks, stored
from tests.lopsided import lopsided

IDS = [3, 1, 4, 1, 5, 2]


def test_what_was_let_go_is_made_anew_once_and_what_is_kept_is_not() -> None:
    model, made = lopsided(), list[int]()
    whole, trace = capture(model, IDS), capture(model, IDS)

    def again() -> object:
        made.append(1)
        return capture(model, IDS)

    held = trace.nbytes()
    trace.let_go(again)  # type: ignore[arg-type]
    assert trace.nbytes() < held / 10
    assert trace.ids.tolist() == [IDS]
    assert trace.logits[0, -1].equal(whole.logits[0, -1])
    assert len(made) == 1  # all logits are derived
    for name in whole:
        torch.testing.assert_close(trace[name], whole[name], equal_nan=True)
    assert len(made) == 1
    assert trace.nbytes() == held


def test_a_longer_run_goes_on_from_one_that_was_let_go() -> None:
    model = lopsided()
    trace = capture(model, IDS)
    trace.let_go(lambda: capture(model, IDS))
    longer = capture(model, [*IDS, 6], previous=trace)
    assert longer.reused == len(IDS)
    assert longer.logits.allclose(capture(model, [*IDS, 6]).logits, atol=1e-5)


def test_a_run_that_was_let_go_is_not_made_by_other_weights() -> None:
    model = lopsided()
    trace = capture(model, IDS)
    trace.let_go(lambda: capture(model, IDS))
    with torch.no_grad():
        model.lm_head.weight.mul_(1.5)
    with pytest.raises(RuntimeError, match=r"weights have changed .* capture again"):
        trace["transformer.h.1.mlp"]


def test_of_an_earlier_run_only_the_named_tensors_are_taken_over() -> None:
    model = lopsided()
    arch, layers = architecture(model.config), range(model.config.n_layer)
    names = [arch.named("residual", 1), *(arch.named("joint projection", i) for i in layers)]
    few, whole = capture(model, IDS, names=names), capture(model, IDS)
    grown = capture(model, [*IDS, 6], names=names, previous=capture(model, [*IDS, 6][:3]))
    assert grown.reused == 3
    assert set(grown.keys()) == set(capture(model, [*IDS, 6], names=names).keys())
    assert grown.nbytes() < whole.nbytes() / 2
    assert capture(model, IDS, names=names, previous=few).nbytes() == few.nbytes()


def test_edits_are_made_to_a_run_of_which_little_is_kept() -> None:
    model = lopsided()
    arch = architecture(model.config)
    names = [arch.named(role, i) for i in range(3) for role in ("joint projection", "weighted values", "residual")]  # type: ignore[arg-type]
    edit = Edit(arch.named("mlp", 1), "zero")
    base = capture(model, IDS, names=[*names, arch.named("residual in", 0)])
    changed = capture(model, IDS, names=[*names, arch.named("residual in", 0)], edits=[edit], previous=base)
    whole = capture(model, IDS, edits=[edit])
    for name in changed:
        torch.testing.assert_close(changed[name], whole[name], atol=1e-5, rtol=1e-5, equal_nan=True)


def test_outputs_that_nobody_wants_are_freed_while_the_model_runs() -> None:
    model = lopsided()
    keep = stored.outputs(model.config, stored.wanted(model.config, [architecture(model.config).named("residual", 1)]))
    assert keep is not None
    assert stored.outputs(model.config, stored.everything(model.config)) is None
    hooks.ready(model, stored.modules(model.config))
    with torch.no_grad(), hooks.recording(keep) as recorder:
        model(torch.tensor([IDS]))
    assert recorder.passed == {*stored.modules(model.config)}
    assert recorder.outputs.keys() == keep & recorder.passed
    assert len(recorder.outputs) < len(recorder.passed) / 2
