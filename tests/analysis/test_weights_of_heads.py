"""Scores from weights alone, against their definitions with whole (C, C) matrices of transformers' GPT-2."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import GPT, Checkpoint, GPTConfig
from gptcore.analysis import chance, composition, copying, head_weights, ov_top1, projection_kernel
from tests.analysis.plain import heads
from tests.conftest import random_model


@torch.no_grad()
def circuits(theirs: Any) -> list[list[dict[str, Tensor]]]:
    """OV and QK of each head, and its factors."""
    found = []
    for layer in range(theirs.config.n_layer):
        q, k, v, o = heads(theirs, layer)
        found.append([{"q": q[h], "k": k[h], "v": v[h], "o": o[h], "ov": v[h] @ o[h], "qk": q[h] @ k[h].T}
                      for h in range(len(q))])  # fmt: skip
    return found


@pytest.mark.parametrize("which", ["q", "k", "v"])
def test_composition_is_the_quotient_of_norms(pair: tuple[Any, Checkpoint], which: str) -> None:
    theirs, ckpt = pair
    known, found = circuits(theirs), composition(ckpt, which)  # type: ignore[arg-type]
    assert found.shape == (3, 2, 3, 2)
    for writer, h, reader, j in torch.cartesian_prod(*map(torch.arange, found.shape)).tolist():
        ov, other = known[writer][h]["ov"], known[reader][j]
        read = {"q": other["qk"], "k": other["qk"].T, "v": other["ov"]}[which]
        expected = (ov @ read).norm() / (ov.norm() * read.norm()) if reader > writer else 0.0
        assert found[writer, h, reader, j].item() == pytest.approx(float(expected), abs=1e-10)
    assert found[0, :, 1:].std() > 0.01


@pytest.mark.parametrize("which", ["q", "k", "v"])
def test_the_projection_kernel_is_that_of_the_projectors(pair: tuple[Any, Checkpoint], which: str) -> None:
    """The trace of the product of both projectors, which are made by pseudo-inverses here."""
    theirs, ckpt = pair
    known, found = circuits(theirs), projection_kernel(ckpt, which)  # type: ignore[arg-type]
    for writer, h, reader, j in torch.cartesian_prod(*map(torch.arange, found.shape)).tolist():
        wrote, read = known[writer][h]["o"].T, known[reader][j][which]  # (C, D) each
        expected = torch.trace(wrote @ torch.linalg.pinv(wrote) @ read @ torch.linalg.pinv(read))
        assert found[writer, h, reader, j].item() == pytest.approx(float(expected) if reader > writer else 0, abs=1e-9)


def test_copying_is_that_of_the_whole_matrices(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    known = circuits(theirs)
    w_e, w_u = theirs.transformer.wte.weight.detach(), theirs.lm_head.weight.detach().T
    own, whole, best = copying(ckpt), copying(ckpt, through_vocabulary=True), ov_top1(ckpt)
    some = ov_top1(ckpt, [60, 3, 7])
    for layer, head in torch.cartesian_prod(torch.arange(3), torch.arange(2)).tolist():
        ov = known[layer][head]["ov"]
        for found, matrix in ((own, ov), (whole, w_e @ ov @ w_u)):
            values = torch.linalg.eigvals(matrix)
            expected = values.sum().real / values.abs().sum()
            assert found[layer, head].item() == pytest.approx(expected.item(), abs=1e-6)
        rows = w_e @ ov @ w_u  # (V, V)
        right = rows.argmax(-1) == torch.arange(61)
        assert best[layer, head].item() == pytest.approx(right.double().mean().item(), abs=1e-6)
        assert some[layer, head].item() == pytest.approx(right[[60, 3, 7]].double().mean().item(), abs=1e-6)


def test_a_head_that_copies_and_one_that_turns_around() -> None:
    model = random_model(dtype=torch.float64, vocab_size=40)
    with torch.no_grad():
        attn = model.transformer.h[1].attn
        value = attn.c_attn.weight[32:40]  # head 0 of two: W_V.T, (D, C)
        attn.c_proj.weight[:, :8] = torch.linalg.pinv(value)
        attn.c_proj.weight[:, 8:] = -torch.linalg.pinv(attn.c_attn.weight[40:48])
    found = copying(model)[1]
    assert found.tolist() == pytest.approx([1, -1], abs=1e-9)
    top = ov_top1(model)[1]  # a random token's own logit is largest where the head copies 8 of 16 dimensions
    assert top[0] > 0.4 and top[1] == 0


def test_weights_are_those_of_the_heads(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    found = head_weights(ckpt)
    for layer in range(3):
        for mine, expected in zip((found.q, found.k, found.v, found.o), heads(theirs, layer), strict=True):
            assert torch.equal(mine[layer], expected)


def test_one_layer_one_head_nothing_written_and_half_precision() -> None:
    single = random_model(n_layer=1, n_head=1)
    assert composition(single, "q").tolist() == [[[[0.0]]]] == projection_kernel(single, "v").tolist()
    silent = random_model()
    with torch.no_grad():
        silent.transformer.h[0].attn.c_proj.weight.zero_()
    assert composition(silent, "k")[0].abs().max() == 0 and copying(silent)[0].eq(0).all()
    exact, half = composition(random_model(), "k"), composition(random_model().bfloat16(), "k")
    assert half.dtype == torch.float32 and (exact - half).abs().max() < 0.01


def test_what_is_not_there_is_told() -> None:
    for score in (composition, projection_kernel):
        with pytest.raises(ValueError, match="which must be one of q, k, v, got 'o'"):
            score(random_model(), "o")  # type: ignore[arg-type]
    for tokens in ([], [17], [-1]):
        with pytest.raises(ValueError, match="tokens must be ids from 0 to 16, at least one"):
            ov_top1(random_model(), tokens)


def test_the_levels_by_chance_are_those_of_random_weights() -> None:
    """Simulated: 24 heads of 16 in 192 dimensions, one below the other."""
    C, H = 192, 12
    torch.manual_seed(0)
    model = GPT(GPTConfig(block_size=4, vocab_size=300, n_layer=2, n_head=H, n_embd=C))
    for which in ("q", "k", "v"):
        score = composition(model, which)[0, :, 1]  # type: ignore[arg-type]
        assert score.mean().item() == pytest.approx(chance.composition(C), rel=0.02)
        kernel = projection_kernel(model, which)[0, :, 1]  # type: ignore[arg-type]
        assert kernel.mean().item() == pytest.approx(chance.projection_kernel(C, C // H), rel=0.02)
    scores = torch.cat([copying(_again(model, seed)).flatten() for seed in range(20)])  # 480 heads
    mean, spread = chance.copying(C // H)
    assert scores.mean().item() == pytest.approx(mean, abs=4 * spread / len(scores) ** 0.5)
    assert scores.std().item() == pytest.approx(spread, rel=0.15)
    assert ov_top1(_untied(model)).mean().item() == pytest.approx(chance.ov_top1(300), abs=0.002)
    assert chance.composition(768) == pytest.approx(0.0361, abs=5e-5)
    assert chance.projection_kernel(768, 64) == pytest.approx(5.33, abs=5e-3)
    assert chance.copying(64)[1] == pytest.approx(0.025, abs=2e-3)


def _again(model: GPT, seed: int) -> GPT:
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def _untied(model: GPT) -> GPT:
    model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape))
    return model


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_head_whose_weights_are_no_numbers_has_no_score_and_the_others_keep_theirs(value: float) -> None:
    model = random_model()
    before = copying(model)
    with torch.no_grad():
        model.transformer.h[1].attn.c_proj.weight[0, 0] = value  # type: ignore[index,operator,union-attr]
    after = copying(model)
    assert after[1, 0].isnan() and not after[0].isnan().any()
    assert torch.equal(after[0], before[0]) and torch.equal(after[1, 1:], before[1, 1:])
