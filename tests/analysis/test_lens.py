"""The logit lens against its definition, written out once more with plain torch on transformers' GPT-2."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import Checkpoint, Edit, capture, logit_lens
from tests.conftest import random_model

IDS = [(i * 7) % 17 for i in range(12)]
MODEL = random_model(dtype=torch.float64)


@torch.no_grad()
def by_definition(theirs: Any, ids: Tensor) -> list[Tensor]:
    """The lens by hooks on transformers' blocks: before each, between its two halves, and behind it; (B, T, V) each."""
    body, states = theirs.transformer, []
    handles = [body.h[0].register_forward_pre_hook(lambda module, args: states.append(args[0]))]
    for block in body.h:  # the second norm reads what stands between attention and MLP
        handles.append(block.ln_2.register_forward_pre_hook(lambda module, args: states.append(args[0])))
        handles.append(
            block.register_forward_hook(
                lambda module, args, out: states.append(out if torch.is_tensor(out) else out[0])
            )
        )
    theirs(ids)
    for handle in handles:
        handle.remove()
    found = []
    for x in states:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + body.ln_f.eps).sqrt()
        normed = centred / scale * body.ln_f.weight + body.ln_f.bias
        found.append(normed @ theirs.lm_head.weight.T)
    return found


def test_the_lens_is_its_definition(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])
    expected = torch.stack(by_definition(theirs, ids))
    trace = capture(ckpt, ids, previous=capture(ckpt, ids[:, :5]))  # grown: its rows lie in two pieces
    lens = logit_lens(trace, mid=True)
    assert lens.logits.shape == expected.shape == (7, 2, 8, 61)
    assert lens.names == (
        "transformer.h.0.resid_pre",
        *(f"transformer.h.{i}.{part}" for i in range(3) for part in ("resid_mid", "resid_post")),
    )
    torch.testing.assert_close(lens.logits, expected, rtol=0, atol=1e-9)
    whole = logit_lens(trace)
    assert whole.names == lens.names[::2]
    assert whole.logits.equal(lens.logits[::2])
    assert (expected[1:] - expected[:-1]).abs().flatten(1).amax(1).min() > 0.1  # rows that could be mistaken


def test_the_last_row_is_the_output_bit_for_bit() -> None:
    for trace in (
        capture(random_model(), IDS),
        capture(MODEL, IDS, previous=capture(MODEL, IDS[:7])),
        capture(MODEL, IDS, edits=[Edit("lm_head", "set", 0.0, channel=3)]),
        capture(MODEL, IDS, edits=[Edit("transformer.h.2", "scale", 2.0)]),
        capture(MODEL, IDS, edits=[Edit("transformer.ln_f", "add", 1.0, position=4)]),
    ):
        lens = logit_lens(trace)
        assert lens.logits[-1].equal(trace.logits)
        for t in range(trace.T):
            assert logit_lens(trace, t).logits[-1].equal(trace.rows("lm_head", t, t + 1))


def plainly(trace: gptcore.Trace, name: str) -> Tensor:
    return MODEL.lm_head(MODEL.transformer.ln_f(trace[name])).detach()


@settings(max_examples=30)
@given(st.integers(-12, 11), st.integers(1, 12), st.booleans())
def test_positions_are_those_of_the_whole(start: int, count: int, mid: bool) -> None:
    trace = capture(MODEL, IDS)
    whole = logit_lens(trace, mid=mid)
    assert whole.positions == range(12)
    one = logit_lens(trace, start, mid=mid)
    assert one.positions == range(start % 12, start % 12 + 1)
    torch.testing.assert_close(one.logits, whole.logits[:, :, [start]], rtol=0, atol=1e-10)
    first = start % 12
    part = logit_lens(trace, slice(first, first + count), mid)
    assert part.positions == range(first, min(first + count, 12))
    torch.testing.assert_close(part.logits, whole.logits[:, :, first : first + count], rtol=0, atol=1e-10)


def test_a_position_computes_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, sizes = capture(MODEL, IDS), []
    MODEL.lm_head.register_forward_pre_hook(lambda module, args: sizes.append(args[0].shape[:-1].numel()))
    try:
        logit_lens(trace, -1)
    finally:
        MODEL.lm_head._forward_pre_hooks.clear()
    assert sizes == [4]  # embeddings and three blocks; the run's own logits are those that it kept


@pytest.mark.parametrize("name", ["transformer.h.0.attn.z", "transformer.h.1.resid_mid", "transformer.drop"])
def test_an_edit_is_seen_from_its_row_on(name: str) -> None:
    edited = capture(MODEL, IDS, edits=[Edit(name, "scale", 3.0, position=5)])
    lens, before = logit_lens(edited, mid=True), logit_lens(capture(MODEL, IDS), mid=True)
    for row, tensor in enumerate(lens.names[:-1]):
        torch.testing.assert_close(lens.logits[row], plainly(edited, tensor), rtol=0, atol=1e-10)
    changed = (lens.logits - before.logits).abs().amax(dim=(1, 3)) > 1e-6  # (rows, T)
    first = {"transformer.drop": 0, "transformer.h.0.attn.z": 1, "transformer.h.1.resid_mid": 3}[name]
    assert not changed[:first].any()
    assert changed[first:, 5].all()
    assert not changed[:, :5].any()


def test_autocast_and_inference_mode_around_the_reading_change_nothing() -> None:
    model = random_model()
    trace = capture(model, IDS)
    expected = logit_lens(trace)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = logit_lens(trace)
    assert found.logits.equal(expected.logits)
    assert not found.logits.requires_grad


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (12, "positions=12 chooses none of the 12 positions; take one of -12 to 11"),
        (-13, "positions=-13 chooses none of the 12 positions"),
        (slice(5, 5), r"positions=slice\(5, 5, None\) chooses none"),
        (slice(0, 12, 2), r"positions must follow each other, got slice\(0, 12, 2\); take a slice without a step"),
        (slice(None, None, -1), "positions must follow each other"),
        ([1, 2], r"positions must be an int, a slice or None, got \[1, 2\]; take -1 for the last one"),
        (True, "positions must be an int, a slice or None, got True"),
    ],
)
def test_positions_that_are_none_are_refused(positions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        logit_lens(capture(MODEL, IDS), positions)


def test_other_refusals() -> None:
    with pytest.raises(KeyError, match=r"no tensor 'transformer\.h\.0\.resid_pre'"):
        logit_lens(capture(MODEL, IDS, names=["transformer.h.1.attn.pattern"]))
    model = random_model()
    trace = capture(model, IDS)
    with torch.no_grad():
        model.transformer.ln_f.weight += 1
    with pytest.raises(RuntimeError, match="capture again"):
        logit_lens(trace)
