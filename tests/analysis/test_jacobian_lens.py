"""The Jacobian lens against its definition: every slope by autograd, one pair of positions at a time, on transformers'
GPT-2."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from gptcore import Checkpoint, capture
from gptcore.analysis import jacobian_lens, own_text
from tests.analysis.plain import norm, run
from tests.conftest import random_model

MODULE = import_module("gptcore.analysis.jacobian_lens")
TEXT = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [60, 50, 40, 30, 20, 10, 0]])


def carried(theirs: Any, ids: Tensor, depth: int, state: Tensor) -> Tensor:
    """Return the final stream of one sequence, (T, C), from the state at a depth: 0 is before block 0, 3 the last."""
    place = ("pre", depth) if depth < 3 else ("post", 2)
    made = run(theirs, ids[None], lambda name, layer, x: state[None] if (name, layer) == place else x)
    return made["post", 2][0]


def by_definition(theirs: Any, text: Tensor, skip: int) -> list[Tensor]:
    """Return each J: the mean over sequences and positions p of the sum over p' >= p of d final[p'] / d state[p]."""
    found = [torch.zeros(24, 24, dtype=torch.float64) for _ in range(4)]
    T = text.size(1)
    for ids in text:
        plain = run(theirs, ids[None])
        states = [*(plain["pre", layer][0].detach() for layer in range(3)), plain["post", 2][0].detach()]
        for depth, state in enumerate(states):
            slopes = jacobian(lambda x, ids=ids, depth=depth: carried(theirs, ids, depth, x), state)  # (T, C, T, C)
            for p in range(skip, T):
                for later in range(p, T):
                    found[depth] += slopes[later, :, p] / ((T - skip) * len(text))
    return found


@pytest.mark.parametrize(("skip", "left_out"), [(None, 1), (3, 3)])
def test_the_slopes_are_their_definition(pair: tuple[Any, Checkpoint], skip: int | None, left_out: int) -> None:
    theirs, ckpt = pair
    lens = jacobian_lens(ckpt, TEXT, skip)
    assert (lens.sequences, lens.skip) == (2, left_out)
    expected = torch.stack(by_definition(theirs, TEXT, left_out))
    torch.testing.assert_close(lens.jacobians, expected, rtol=0, atol=1e-9)
    assert (expected[0] - expected[0].T).abs().max() > 0.01  # so that the axes could be mistaken
    assert (expected[:3] - torch.eye(24).double()).abs().flatten(1).amax(1).min() > 0.01


@torch.no_grad()
def test_it_reads_what_the_slopes_carry_up(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    lens, trace = jacobian_lens(ckpt, TEXT), capture(ckpt, TEXT)
    read = lens.read(trace)
    assert read.names == lens.names and read.logits.shape == (4, 2, 7, 61)
    for row, name in enumerate(lens.names):
        state = trace[name] @ lens.jacobians[row].T
        expected = norm(state, theirs.transformer.ln_f) @ theirs.lm_head.weight.T
        torch.testing.assert_close(read.logits[row], expected, rtol=0, atol=1e-6)
    assert read.logits[-1].equal(trace.logits)
    torch.testing.assert_close(lens.read(trace, slice(2, 5)).logits, read.logits[:, :, 2:5], rtol=0, atol=1e-10)
    with pytest.raises(ValueError, match="of a model of another size"):
        lens.read(capture(random_model(), [3]))


def test_sequences_in_several_groups_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(dtype=torch.float64)
    text = torch.cat([TEXT, TEXT.flip(1)[:1]]) % 17
    whole = jacobian_lens(model, text).jacobians
    monkeypatch.setattr(MODULE, "AT_ONCE", 7 * 2)
    told: list[tuple[int, int]] = []

    def progress(done: int, of: int) -> None:
        told.append((done, of))

    parts = jacobian_lens(model, text, progress=progress)
    torch.testing.assert_close(parts.jacobians, whole, rtol=0, atol=1e-12)
    of = 2 * model.config.n_embd
    assert told == [(done, of) for done in range(of + 1)]
    assert parts.sequences == 3


def test_a_stop_leaves_the_mean_of_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(dtype=torch.float64)
    text = TEXT % 17
    monkeypatch.setattr(MODULE, "AT_ONCE", 7)
    stopped = jacobian_lens(model, text, progress=lambda done, of: done < of - 1)
    one = jacobian_lens(model, text[:1])
    assert stopped.sequences == 1
    assert stopped.jacobians.equal(one.jacobians)
    none = jacobian_lens(model, text, progress=lambda done, of: False)
    assert none.sequences == 0 and none.jacobians.isnan().all()


def test_it_leaves_no_gradients_and_takes_its_own_text() -> None:
    model = random_model()
    lens = jacobian_lens(model)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert lens.jacobians.equal(jacobian_lens(model, own_text(model)).jacobians)
    with torch.inference_mode():
        assert jacobian_lens(model).jacobians.allclose(lens.jacobians)


def test_own_text_is_drawn_from_the_model() -> None:
    model = random_model()
    with torch.no_grad():
        model.lm_head.weight[5] = 0  # (tied)
        model.transformer.ln_f.bias.zero_()
    ids = own_text(model, sequences=2000, length=2)
    assert ids[:, 0].bincount(minlength=17).min() > 60  # of 118
    first = int(ids[:, 0].mode().values)
    chances = model(torch.tensor([[first]]))[0][0, -1].softmax(-1)
    after = ids[ids[:, 0] == first, 1].bincount(minlength=17) / (ids[:, 0] == first).sum()
    assert (after - chances).abs().max() < 0.15
    assert not own_text(model).equal(own_text(model, seed=1))
    with pytest.raises(ValueError, match=r"of 1 to \d+ tokens \(block_size\); got 2 of 1000"):
        own_text(model, 2, 1000)


def test_refusals() -> None:
    model = random_model()
    with pytest.raises(ValueError, match="skip must be from 0 to 6, got 7"):
        jacobian_lens(model, TEXT % 17, skip=7)
    model.train()
    with pytest.raises(ValueError, match=r"call model\.eval\(\) first"):
        jacobian_lens(model)
