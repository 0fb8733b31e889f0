"""Configs: which ones are refused, and with which sentence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gptcore import ConfigError, GPTConfig

GOOD: dict[str, Any] = {"block_size": 8, "vocab_size": 5, "n_layer": 1, "n_head": 2, "n_embd": 4}


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"n_layer": 0}, "n_layer", "greater than 0, got 0"),
        ({"n_layer": "6"}, "n_layer", "valid integer, got '6'"),
        ({"n_layer": True}, "n_layer", "valid integer, got True"),
        ({"dropout": 1.0}, "dropout", "less than 1, got 1.0"),
        ({"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon", "nan"),
        ({"activation": "relu"}, "activation", "'gelu' or 'gelu_tanh', got 'relu'"),
        ({"n_embd": 5}, "n_embd", "does not divide into n_head = 2 equal heads; take a multiple of 2, such as 6"),
        ({"bias": 1}, "bias", "valid boolean, got 1"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, object], field: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        GPTConfig(**{**GOOD, **change})
    assert list(error.value.fields) == [field]
    assert sentence in str(error.value)


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        GPTConfig(**{**GOOD, "n_layer": -1, "vocab_size": 0})
    assert set(error.value.fields) == {"n_layer", "vocab_size"}


def test_from_dict_names_missing_and_unknown_fields() -> None:
    with pytest.raises(ConfigError) as error:
        GPTConfig.from_dict({**{name: value for name, value in GOOD.items() if name != "n_head"}, "heads": 2})
    assert set(error.value.fields) == {"n_head", "heads"}


def test_a_config_is_a_value() -> None:
    config = GPTConfig(**GOOD)
    assert GPTConfig.from_dict(config.to_dict()) == config
    assert hash(config) == hash(GPTConfig(**GOOD))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.n_layer = 2  # type: ignore[misc]


def test_presets_have_the_published_sizes() -> None:
    xl = GPTConfig.preset("gpt2-xl")
    assert (xl.n_layer, xl.n_head, xl.n_embd, xl.activation) == (48, 25, 1600, "gelu_tanh")
    baby = GPTConfig.preset("baby-gpt")
    assert (baby.n_layer, baby.n_head, baby.n_embd, baby.block_size, baby.bias) == (6, 6, 384, 256, False)
    sort = GPTConfig.preset("nano-sort")
    assert (sort.n_layer, sort.n_head, sort.n_embd, sort.block_size, sort.tie_weights) == (3, 3, 48, 11, False)
    with pytest.raises(ConfigError, match="gpt2-medium"):
        GPTConfig.preset("gpt5")
