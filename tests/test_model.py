"""The model against transformers' GPT-2 with random weights, and its two attentions against each other."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from gptcore import GPT, GPTConfig
from gptcore.analysis.teaching_attention import TeachingAttention
from tests.conftest import random_model


def as_transformers(model: GPT) -> GPT2LMHeadModel:
    """Copy the weights to transformers' model, whose linear layers hold them transposed."""
    config = model.config
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.block_size,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
            activation_function="gelu_new" if config.activation == "gelu_tanh" else "gelu",
            layer_norm_epsilon=config.layer_norm_epsilon,
            tie_word_embeddings=config.tie_weights,
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation="eager",  # type: ignore[call-arg]
        )
    ).eval()  # type: ignore[no-untyped-call]
    theirs = theirs.to(model.lm_head.weight.dtype)
    transposed = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    state = {name: tensor.t() if name.endswith(transposed) else tensor for name, tensor in model.state_dict().items()}
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not missing
    assert not unexpected
    return theirs


def all_logits(model: GPT, ids: Tensor) -> Tensor:
    return model(ids, targets=torch.zeros_like(ids))[0].detach()


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"n_layer": 1, "n_head": 1, "n_embd": 8, "vocab_size": 11, "block_size": 16},
        {"n_layer": 3, "n_head": 4, "n_embd": 32, "vocab_size": 50, "block_size": 64},
        {"n_layer": 5, "n_head": 3, "n_embd": 48, "vocab_size": 97, "block_size": 40, "tie_weights": False},
        {"n_layer": 2, "n_head": 2, "n_embd": 16, "layer_norm_epsilon": 1e-3},
    ],
)
def test_logits_equal_transformers(sizes: dict[str, int], activation: str) -> None:
    model = random_model(dtype=torch.float64, activation=activation, **sizes)
    T = model.config.block_size
    ids = torch.arange(2 * T).view(2, T) * 7 % model.config.vocab_size
    theirs = as_transformers(model)(ids).logits
    assert theirs.abs().max() > 0.5  # otherwise the logits could not differ much
    assert (all_logits(model, ids) - theirs).abs().max() <= 1e-10


@pytest.mark.parametrize("bias", [True, False])
def test_teaching_attention_equals_the_fused_one(bias: bool) -> None:
    model = random_model(dtype=torch.float64, bias=bias, n_head=4)
    x = torch.randn(2, 9, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for block in model.transformer.h:
        assert (TeachingAttention(block.attn)(x) - block.attn(x)).abs().max() <= 1e-12


def test_a_model_with_teaching_attention_throughout_gives_the_same_logits() -> None:
    model = random_model(dtype=torch.float64)
    ids = torch.arange(10)[None]
    fused = all_logits(model, ids)

    class OneArgument(nn.Module):
        """An attention without a past, as the teaching attention has none."""

        def __init__(self, inside: TeachingAttention) -> None:
            super().__init__()
            self.inside = inside

        def forward(self, x: Tensor, past: object) -> Tensor:
            return self.inside(x)

    for block in model.transformer.h:
        block.attn = OneArgument(TeachingAttention(block.attn))
    assert (all_logits(model, ids) - fused).abs().max() <= 1e-10


def test_state_dict_keys_are_nanogpts() -> None:
    keys = set(random_model(n_layer=1).state_dict())
    block = "transformer.h.0"
    layers = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
    expected = {f"{block}.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    expected |= {"transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"}
    expected |= {"transformer.ln_f.weight", "transformer.ln_f.bias"}
    assert keys == expected
    assert not any("bias" in key for key in random_model(bias=False).state_dict())


def test_initialisation_is_nanogpts() -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(block_size=64, vocab_size=200, n_layer=4, n_head=4, n_embd=128))
    assert model.transformer.wte.weight is model.lm_head.weight
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif ".ln_" in name:
            assert (parameter == 1).all(), name
        else:
            wanted = 0.02 / math.sqrt(2 * 4) if name.endswith("c_proj.weight") else 0.02
            assert abs(parameter.std().item() / wanted - 1) < 0.05, name


def test_loss_is_the_cross_entropy_of_every_position() -> None:
    model = random_model(dtype=torch.float64)
    ids = torch.arange(12).view(2, 6)
    logits, loss = model(ids, ids + 1)
    expected = -torch.log_softmax(logits, -1).gather(-1, (ids + 1)[..., None]).mean()
    assert loss is not None
    assert torch.allclose(loss, expected)
    masked = torch.where(torch.arange(6) == 2, ids + 1, -1)
    assert not torch.allclose(model(ids, masked)[1], loss)


def test_too_long_an_input_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"at most 32 tokens .*got 33; give it the last 32"):
        random_model()(torch.zeros(1, 33, dtype=torch.int64))
