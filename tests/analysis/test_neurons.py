"""Neurons, norms of the stream and the in-context score, against transformers' GPT-2 in plain torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gptcore import Checkpoint, capture
from gptcore.analysis import (
    in_context_score,
    most_active,
    neuron_logits,
    promoted,
    residual_norms,
    search_neurons,
    suppressed,
)
from tests.analysis.plain import run
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])


@torch.no_grad()
def test_the_most_active_are_the_largest_after_the_gelu(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    made, trace = run(theirs, IDS), capture(ckpt, IDS)
    hidden = [(layer, index, value) for layer in range(3) for index, value in enumerate(made["hidden", layer][1, 4])]
    expected = sorted(hidden, key=lambda each: -each[2])[:40]
    found = most_active(trace, position=4, count=40, row=1)
    assert [(each.layer, each.index) for each in found] == [(layer, index) for layer, index, _ in expected]
    assert [each.value for each in found] == pytest.approx([float(value) for *_, value in expected], abs=1e-10)
    assert len({each.layer for each in found}) > 1
    alone = most_active(trace, position=-4, count=3, layer=2, row=1)
    assert [each.index for each in alone] == made["hidden", 2][1, 4].topk(3).indices.tolist()
    assert {each.layer for each in alone} == {2}
    assert len(most_active(trace, count=10**6)) == 3 * 96


@torch.no_grad()
def test_a_neuron_promotes_what_its_row_reads_through_the_head(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    rows = torch.stack([block.mlp.c_proj.weight @ theirs.lm_head.weight.T for block in theirs.transformer.h])
    torch.testing.assert_close(neuron_logits(ckpt, 1, 17), rows[1, 17], rtol=0, atol=1e-10)
    most, least = promoted(ckpt, 1, 17, 4), suppressed(ckpt, 1, 17, 4)
    assert list(most.ids) == rows[1, 17].topk(4).indices.tolist()
    assert list(least.ids) == (-rows[1, 17]).topk(4).indices.tolist()
    assert most.values[0] > most.values[-1] > 0 > least.values[-1] > least.values[0]
    of_token = rows[:, :, 8].flatten()  # (L * 4C,)
    for suppress, sign in ((False, 1), (True, -1)):
        found = search_neurons(ckpt, 8, 5, suppress)
        expected = (sign * of_token).topk(5).indices.tolist()
        assert [each.layer * 96 + each.index for each in found] == expected
        assert [each.value for each in found] == pytest.approx(of_token[expected].tolist(), abs=1e-10)


def test_neurons_that_are_not_there_are_told() -> None:
    model = random_model()
    trace = capture(model, [3, 1])
    with pytest.raises(ValueError, match="position must be from -2 to 1, got 2"):
        most_active(trace, position=2)
    with pytest.raises(ValueError, match="layer must be from 0 to 2, got 3"):
        most_active(trace, layer=3)
    with pytest.raises(ValueError, match="row must be from 0 to 0, got -1"):
        most_active(trace, row=-1)
    with pytest.raises(IndexError, match="there is no neuron 64; choose one from 0 to 63"):
        neuron_logits(model, 0, 64)
    with pytest.raises(IndexError, match="there is no layer -1"):
        promoted(model, -1, 0)
    with pytest.raises(ValueError, match="token must be an id from 0 to 16, got 17"):
        search_neurons(model, 17)


@torch.no_grad()
def test_norms_and_cosines_are_those_of_the_stream(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    made, trace = run(theirs, IDS), capture(ckpt, IDS)
    states = [made["pre", 0], *(made[name, layer] for layer in range(3) for name in ("mid", "post"))]
    for mid, chosen in ((True, states), (False, states[::2])):
        found = residual_norms(trace, mid=mid)
        assert len(found.names) == len(chosen)
        for row, state in enumerate(chosen):
            length = state.square().sum(-1).sqrt()
            torch.testing.assert_close(found.norms[row], length, rtol=0, atol=1e-10)
            for other, told in ((chosen[-1], found.to_last[row]), *zip(chosen[row + 1 :], found.cosines[row:])):  # noqa: B905
                cosine = (state * other).sum(-1) / length / other.square().sum(-1).sqrt()
                torch.testing.assert_close(told, cosine, rtol=0, atol=1e-10)
                if other is not chosen[-1]:
                    break
    assert residual_norms(capture(random_model(), [3])).norms.shape == (4, 1, 1)


def test_the_in_context_score_compares_late_with_early() -> None:
    model = random_model(block_size=600)
    ids = torch.randint(17, (2, 600), generator=torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy(model(ids, targets=ids)[0][:, :-1].mT, ids[:, 1:], reduction="none")
    for T, early, late in ((512, range(49, 50), range(499, 500)), (129, range(16, 32), range(112, 128))):
        found = in_context_score(capture(model, ids[:, :T]))
        assert (found.early, found.late) == (early, late)
        expected = loss[:, [*late]].mean() - loss[:, [*early]].mean()
        assert found.score == pytest.approx(expected.item(), abs=1e-4)
        assert abs(found.score) > 0.01
    short = in_context_score(capture(model, ids[:, :17]))
    assert (short.early, short.late) == (range(2, 4), range(14, 16))
    with pytest.raises(ValueError, match="needs 17 tokens at least, got 16"):
        in_context_score(capture(model, ids[:, :16]))
