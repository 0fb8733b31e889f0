"""The comparison of `test_checkpoint_numbers.py` finds mistakes: each bug put into gptcore must make it fail.

Every bug is put into the code that loads or computes, never into the reference, whose logits are computed before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore import CheckpointError, GPTConfig, load, model
from gptcore.checkpoint import build, shapes
from gptcore.checkpoint.formats import bare, huggingface
from tests.reference import (
    BOUND,
    FLOAT32_BOUND,
    Altered,
    agree,
    by_hand,
    gelu_tanh,
    logits_of,
    mingpt_config,
    mingpt_file,
    prompts,
    random_gpt2,
    random_state,
    write_hf,
)

IDS = prompts(61, 14)
"""Prompts with two positions fewer than the model has, so that a position too far is not an IndexError."""


class Case(NamedTuple):
    """A checkpoint on disk and the logits of the program that made it."""

    path: Path
    expected: Tensor
    bound: float = BOUND

    def check(self) -> None:
        """Compare as the tests of the numbers do."""
        agree(load(self.path).model, self.expected, IDS, self.bound)

    def check_fails(self) -> None:
        """Compare, and expect a failure at the numbers."""
        with pytest.raises(AssertionError, match=r"logits, .*, differ by"):
            self.check()


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Write a checkpoint with every option that differs from nanoGPT: transposed, untied, tanh, another epsilon."""
    theirs = random_gpt2(tie_word_embeddings=False, layer_norm_epsilon=1e-3, embedding=0.03)
    folder = tmp_path_factory.mktemp("gpt2")
    write_hf(folder, theirs.config, theirs.state_dict(), "model.safetensors")
    return Case(folder, logits_of(theirs, IDS))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Write the same in float16; the expected numbers are those of the upcast weights."""
    theirs: Any = random_gpt2(tie_word_embeddings=False, layer_norm_epsilon=1e-3, embedding=0.03)
    theirs = theirs.half()
    folder = tmp_path_factory.mktemp("half")
    write_hf(folder, theirs.config, theirs.state_dict(), "model.safetensors")
    return Case(folder, logits_of(theirs.double(), IDS), FLOAT32_BOUND)


@pytest.fixture(scope="module")
def minis(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Write minGPT's file, its config beside it."""
    state, folder = random_state(tied=False), tmp_path_factory.mktemp("minis")
    mingpt_file(folder, state)
    mingpt_config(folder, n_head=2)
    return Case(folder, by_hand(state, IDS, 2, gelu_tanh))


def with_attention(patch: pytest.MonkeyPatch, attention: Callable[..., Tensor]) -> None:
    """Replace the fused attention without a past."""
    patch.setattr(model, "F", Altered(F, scaled_dot_product_attention=attention))


def with_state(patch: pytest.MonkeyPatch, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the weights after reading, before the model is built."""
    built_by = build.build

    def built(config: GPTConfig, state: dict[str, Tensor], notices: list[str]) -> model.GPT:
        change(state)
        return built_by(config, state, notices)

    patch.setattr(huggingface, "build", built)


def without_option(patch: pytest.MonkeyPatch, option: str) -> None:
    """Ignore an option of config.json."""
    read = huggingface._config

    def without(folder: Path, content: Mapping[str, Any]) -> GPTConfig:
        return read(folder, {name: value for name, value in content.items() if name != option})

    patch.setattr(huggingface, "_config", without)


# ---- the bugs ------------------------------------------------------------------------------------------------------


def c_proj_not_transposed(patch: pytest.MonkeyPatch) -> None:
    """Skip a transpose; the matrix is square, so only the numbers can reveal it."""
    patch.setattr(huggingface, "CONV1D", tuple(name for name in shapes.CONV1D if name != "attn.c_proj.weight"))


def q_and_k_swapped(patch: pytest.MonkeyPatch) -> None:
    with_attention(patch, lambda q, k, v, **options: F.scaled_dot_product_attention(k, q, v, **options))


def thirds_of_c_attn_swapped(patch: pytest.MonkeyPatch) -> None:
    def swap(state: dict[str, Tensor]) -> None:
        for name in [name for name in state if ".c_attn." in name]:
            q, k, v = state[name].chunk(3)
            state[name] = torch.cat([k, q, v])

    with_state(patch, swap)


def gelu_not_the_tanh_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(huggingface, "ACTIVATIONS", dict.fromkeys(huggingface.ACTIVATIONS, "gelu"))


def epsilon_not_read(patch: pytest.MonkeyPatch) -> None:
    without_option(patch, "layer_norm_epsilon")


def scale_missing(patch: pytest.MonkeyPatch) -> None:
    with_attention(patch, lambda q, k, v, **options: F.scaled_dot_product_attention(q, k, v, scale=1.0, **options))


def scale_missing_with_a_past(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(model, "math", Altered(math, sqrt=lambda D: 1.0))


def mask_off_by_one(patch: pytest.MonkeyPatch) -> None:
    def sees_the_next(q: Tensor, k: Tensor, v: Tensor, dropout_p: float, is_causal: bool) -> Tensor:
        sees = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).tril(diagonal=1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=sees)

    with_attention(patch, sees_the_next)


def mask_off_by_one_with_a_past(patch: pytest.MonkeyPatch) -> None:
    mask = model.causal_mask
    patch.setattr(model, "causal_mask", lambda scaled, start: mask(scaled, start - 1))


def untied_head_ignored(patch: pytest.MonkeyPatch) -> None:
    """Ignore the option, and do not compare the two matrices."""
    without_option(patch, "tie_word_embeddings")
    for place in (build, huggingface):
        patch.setattr(place, "same_matrix", lambda one, other: True)


def positions_off_by_one(patch: pytest.MonkeyPatch) -> None:
    def arange(*ends: int, **options: Any) -> Tensor:
        return torch.arange(*(end + (len(ends) == 2) for end in ends), **options)  # two ends: the model's positions

    patch.setattr(model, "torch", Altered(torch, arange=arange))


def bias_dropped(patch: pytest.MonkeyPatch) -> None:
    with_state(patch, lambda state: state["transformer.h.1.attn.c_proj.bias"].zero_())


BUGS = (
    c_proj_not_transposed,
    q_and_k_swapped,
    thirds_of_c_attn_swapped,
    gelu_not_the_tanh_one,
    epsilon_not_read,
    scale_missing,
    scale_missing_with_a_past,
    mask_off_by_one,
    mask_off_by_one_with_a_past,
    untied_head_ignored,
    positions_off_by_one,
    bias_dropped,
)


# ---- each bug is found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_bug_is_found(gpt2: Case, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    gpt2.check()
    with monkeypatch.context() as patch:
        bug(patch)
        gpt2.check_fails()
    gpt2.check()


def test_half_precision_left_as_it_is_is_found(half: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    half.check()
    owned = build._owned
    monkeypatch.setattr(build, "_owned", lambda state, names, dtype: owned(state, names, torch.float16))
    half.check_fails()


def test_no_transposition_at_all_does_not_even_load(gpt2: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "CONV1D", ())
    with pytest.raises(CheckpointError, match=r"6 of another shape: transformer\.h\.0\.attn\.c_attn\.weight"):
        gpt2.check()


def test_each_weight_matters(gpt2: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any weight that is read as zeros makes the comparison fail, so a lost weight is always noticed."""
    names = list(load(gpt2.path).model.state_dict())
    assert len(names) == 4 + 2 * 12 + 1
    for name in names:
        with monkeypatch.context() as patch:
            with_state(patch, lambda state, name=name: state[name].zero_())  # type: ignore[misc]
            gpt2.check_fails()
    gpt2.check()


def test_what_mingpts_file_does_not_say_is_checked(minis: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    minis.check()
    with monkeypatch.context() as patch:
        patch.setattr(bare, "TANH", "gelu")
        minis.check_fails()
    with monkeypatch.context() as patch:
        patch.setattr(bare, "_heads", lambda beside: (3, "nobody"))
        minis.check_fails()
    with monkeypatch.context() as patch:
        patch.setattr(bare, "_config_beside", lambda path: ({"n_head": 2, "tie_weights": True}, True))
        patch.setattr(build, "same_matrix", lambda one, other: True)
        minis.check_fails()
    minis.check()
