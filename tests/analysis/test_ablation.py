"""Ablations as edits, against the same changes of transformers' GPT-2 in plain torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import Checkpoint, Edit, GPTConfig, capture
from gptcore.analysis import (
    ablation_sweep,
    freeze_patterns,
    head_effects,
    knock_out,
    logit_attribution,
    loss_without_heads,
    mean_ablation,
    pattern_preserving,
    resample,
    switch_off,
)
from tests.analysis.plain import Change, run
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9]])
OTHERS = torch.tensor([[60, 50, 40, 30, 20, 10, 0, 1], [2, 7, 1, 8, 2, 8, 1, 8], [5, 7, 7, 2, 1, 5, 6, 6]])


@torch.no_grad()
def agrees(theirs: Any, ckpt: Checkpoint, edits: list[Edit], change: Change) -> None:
    """The run with the edits is the run with the change, and another than the one without."""
    expected = run(theirs, IDS, change)["logits", -1]
    found = capture(ckpt, IDS, edits=edits, previous=capture(ckpt, IDS)).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert (found - run(theirs, IDS)["logits", -1]).abs().max() > 1e-3


def changing(name: str, layer: int, new: Any) -> Change:
    """Return the change of one tensor's clone."""

    def change(this: str, i: int, x: Tensor) -> Tensor:
        return new(x.clone()) if (this, i) == (name, layer) else x

    return change


def test_an_edge_is_cut_before_the_softmax(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    edges = [(5, 2), (5, 0), (3, 3)]

    def cut(scores: Tensor) -> Tensor:
        for query, key in edges:
            scores[:, 1, query, key] = -torch.inf
        return scores

    edits = knock_out(ckpt.config, 1, 1, edges)
    agrees(theirs, ckpt, edits, changing("scores", 1, cut))
    pattern = capture(ckpt, IDS, edits=edits)["transformer.h.1.attn.pattern"][0]
    assert all(pattern[1, query, key] == 0 for query, key in edges)
    torch.testing.assert_close(pattern.sum(-1), torch.ones(2, 6, dtype=torch.float64))


def test_a_head_some_heads_and_a_layer_are_switched_off(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    for head in (1, [0, 1], None):

        def off(z: Tensor, head: Any = head) -> Tensor:
            z[:, slice(None) if head is None else head] = 0
            return z

        agrees(theirs, ckpt, [switch_off(ckpt.config, 1, head)], changing("z", 1, off))


def test_the_mean_is_over_the_sequences_position_by_position(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    with torch.no_grad():
        means = run(theirs, OTHERS)
    reference = capture(ckpt, OTHERS)

    def head(z: Tensor) -> Tensor:
        z[:, 1] = means["z", 1].mean(0)[1, :6]
        return z

    agrees(theirs, ckpt, [mean_ablation(reference, "transformer.h.1.attn.z", 1, T=6)], changing("z", 1, head))
    whole = changing("mlp", 0, lambda x: means["mlp", 0].mean(0, keepdim=True)[:, :6])
    agrees(theirs, ckpt, [mean_ablation(reference, "transformer.h.0.mlp", T=6)], whole)
    every = changing("z", 2, lambda x: means["z", 2].mean(0, keepdim=True)[:, :, :6])
    agrees(theirs, ckpt, [mean_ablation(reference, "transformer.h.2.attn.z", T=6)], every)


def test_a_resampled_head_is_that_of_another_prompt(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    with torch.no_grad():
        other = run(theirs, OTHERS[:1, :6])

    def resampled(z: Tensor) -> Tensor:
        z[:, 0] = other["z", 1][:, 0]
        return z

    edit = resample(capture(ckpt, OTHERS[:1, :6]), "transformer.h.1.attn.z", head=0)
    agrees(theirs, ckpt, [edit], changing("z", 1, resampled))


@torch.no_grad()
def test_with_patterns_kept_only_what_is_written_changes(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    clean = run(theirs, IDS)

    def change(name: str, layer: int, x: Tensor) -> Tensor:
        if (name, layer) == ("z", 0):
            x = x.clone()
            x[:, 1] = 0
        return clean["pattern", layer] if name == "pattern" and layer > 0 else x

    trace = capture(ckpt, IDS)
    agrees(theirs, ckpt, pattern_preserving(trace, 0, 1), change)
    kept = capture(ckpt, IDS, edits=pattern_preserving(trace, 0, 1))
    plain = capture(ckpt, IDS, edits=[switch_off(ckpt.config, 0, 1)])
    for layer in (1, 2):
        name = f"transformer.h.{layer}.attn.pattern"
        assert torch.equal(kept[name], trace[name]) and not torch.equal(plain[name], trace[name])
    assert [edit.name for edit in freeze_patterns(trace, 2)] == ["transformer.h.2.attn.pattern"]
    assert len(pattern_preserving(trace, 2, 0)) == 1  # nothing lies above


@pytest.mark.parametrize("keep_patterns", [False, True])
@torch.no_grad()
def test_a_sweep_of_ablations_is_single_ones(pair: tuple[Any, Checkpoint], keep_patterns: bool) -> None:
    theirs, ckpt = pair
    clean = run(theirs, IDS)

    def metric(logits: Tensor) -> Tensor:
        return logits[0, -1, 60] - logits[0, 2, 3]

    found = ablation_sweep(ckpt, capture(ckpt, IDS), metric, keep_patterns=keep_patterns)
    for layer in range(3):
        for head in range(2):

            def change(name: str, i: int, x: Tensor, layer: int = layer, head: int = head) -> Tensor:
                if (name, i) == ("z", layer):
                    x = x.clone()
                    x[:, head] = 0
                return clean["pattern", i] if keep_patterns and name == "pattern" and i > layer else x

            expected = metric(run(theirs, IDS, change)["logits", -1]) - metric(clean["logits", -1])
            assert found[layer, head].item() == pytest.approx(expected.item(), abs=1e-9)


@torch.no_grad()
def test_predicted_stands_beside_actual(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    trace = capture(ckpt, torch.cat([IDS, OTHERS[:1, :6]]))
    effects = head_effects(ckpt, trace, 60, 3, position=-2, row=1)
    parts = logit_attribution(trace, 60, 3, -2, 1).parts
    both = trace.ids
    plain = run(theirs, both)["logits", -1][1, -2]
    for layer in range(3):
        for head in range(2):
            (part,) = (each for each in parts if (each.layer, each.head) == (layer, head))
            assert effects.predicted[layer, head] == part.value

            def off(z: Tensor, head: int = head) -> Tensor:
                z[:, head] = 0
                return z

            without = run(theirs, both, changing("z", layer, off))["logits", -1][1, -2]
            lost = (plain[60] - plain[3]) - (without[60] - without[3])
            assert effects.actual[layer, head].item() == pytest.approx(lost.item(), abs=1e-9)
    assert torch.equal(effects.repaired, effects.predicted - effects.actual)
    assert effects.repaired.abs().max() > 0.1


@torch.no_grad()
def test_the_loss_without_a_head_is_that_of_a_run_without_it(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    trace = capture(ckpt, torch.cat([IDS, OTHERS[:1, :6]]))
    found = loss_without_heads(ckpt, trace, 60, position=-2, row=1)
    plain = run(theirs, trace.ids)["logits", -1][1, -2].log_softmax(-1)[60]
    for layer in range(3):
        for head in range(2):

            def off(z: Tensor, head: int = head) -> Tensor:
                z[:, head] = 0
                return z

            without = run(theirs, trace.ids, changing("z", layer, off))["logits", -1][1, -2].log_softmax(-1)[60]
            assert found[layer, head].item() == pytest.approx((plain - without).item(), abs=1e-9)
    with pytest.raises(ValueError, match="position"):
        loss_without_heads(ckpt, trace, 60, position=6)


def test_a_head_of_the_last_layer_without_norm_and_mlp_does_what_its_attribution_says() -> None:
    """Predicted against actual: equal where nothing behind the head changes (its scale is almost fixed by epsilon)."""
    model = random_model(dtype=torch.float64, layer_norm_epsilon=1e8)
    with torch.no_grad():
        model.transformer.h[2].mlp.c_proj.weight.zero_()
    trace = capture(model, [3, 1, 4])
    actual = ablation_sweep(model, trace, lambda logits: logits[0, -1, 5])
    predicted = [part.value for part in logit_attribution(trace, 5).parts if part.head is not None]
    assert actual[2].tolist() == pytest.approx([-value for value in predicted[-2:]], rel=1e-5)


def test_a_sweep_keeps_the_edits_of_its_run_and_stops() -> None:
    model = random_model()
    edited = capture(model, [3, 1, 4], edits=[switch_off(model.config, 1, 0)])
    found = ablation_sweep(model, edited, lambda logits: logits[0, -1, 5])
    assert found[1, 0] == 0 and found[1, 1] != 0
    stopped = ablation_sweep(model, edited, lambda logits: logits[0, -1, 5], progress=lambda done, count: done < 2)
    assert stopped.isnan().sum() == 4


def test_what_cannot_be_ablated_is_told() -> None:
    config = GPTConfig.preset("nano-sort")
    with pytest.raises(ValueError, match=r"an edge is \(query, key\) with 0 <= key <= query, got \(2, 3\)"):
        knock_out(config, 0, 0, [(2, 3)])
    with pytest.raises(ValueError, match="no edge to cut"):
        knock_out(config, 0, 0, [])
    with pytest.raises(ValueError, match="query 1 would see no key any more"):
        knock_out(config, 0, 0, [(1, 0), (1, 1)])
    reference = capture(random_model(), [3, 1, 4])
    with pytest.raises(ValueError, match="the reference has 3 positions, so it gives no mean for 4"):
        mean_ablation(reference, "transformer.h.0.mlp", T=4)
    with pytest.raises(ValueError, match=r"has the axes \(B, H, T, T\), of which no mean by position"):
        mean_ablation(reference, "transformer.h.0.attn.pattern")
    with pytest.raises(ValueError, match=r"has the axes \(B, T, C\), so it takes no head; got head=1"):
        mean_ablation(reference, "transformer.h.0.mlp", head=1)
    with pytest.raises(KeyError, match="no tensor 'transformer"):
        mean_ablation(reference, "transformer.h.9.mlp")
