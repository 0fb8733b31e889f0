"""The sizes and options of a GPT. This file knows no torch: a config can be made, checked and drawn without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import pydantic
from pydantic import Field

Positive = Annotated[int, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
SmallPositive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Activation = Literal["gelu", "gelu_tanh"]


class ConfigError(ValueError):
    """A config that no GPT can have. `fields` maps the name of each invalid field to its problem."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in self.fields.items()))


@dataclasses.dataclass(frozen=True)
class GPTConfig:
    """nanoGPT's `GPTConfig`, with three more fields for choices that it leaves implicit: checkpoints differ in them.

    Source: `GPTConfig` in nanoGPT's `model.py`; the presets' sizes are those of the GPT-2 and GPT-3 papers,
    nanoGPT's `config/train_shakespeare_char.py`, its README's training on a CPU, and minGPT's sorting demo.

    Raises:
        ConfigError: a ValueError whose `fields` names each invalid field.

    >>> config = GPTConfig(block_size=256, vocab_size=65, n_layer=6, n_head=6, n_embd=384)
    >>> config.head_dim
    64
    >>> GPTConfig(block_size=256, vocab_size=65, n_layer=6, n_head=5, n_embd=8)
    Traceback (most recent call last):
    gptcore.config.ConfigError: n_embd: 8 does not divide into n_head = 5 equal heads; take a multiple of 5, such as 10
    """

    block_size: Positive
    """Longest sequence that the model can see, in tokens."""
    vocab_size: Positive
    """V: the number of different tokens."""
    n_layer: Positive
    """L: the number of blocks."""
    n_head: Positive
    """H: the number of attention heads in a block."""
    n_embd: Positive
    """C: the embedding dimension, the width of the residual stream."""
    dropout: Probability = 0.0
    """Share of activations that training drops; a model in eval mode drops none."""
    bias: bool = True
    """True if linear layers and layer norms add a bias."""
    tie_weights: bool = True
    """True if `lm_head` and `transformer.wte` are one matrix (nanoGPT and GPT-2: yes, minGPT: no)."""
    activation: Activation = "gelu"
    """Activation of the MLP: `gelu` is exact (nanoGPT); `gelu_tanh` is the tanh approximation (GPT-2, minGPT)."""
    layer_norm_epsilon: SmallPositive = 1e-5
    """Number added to the variance in each layer norm."""

    def __post_init__(self) -> None:
        try:
            _rules().model_validate(dataclasses.asdict(self))
        except pydantic.ValidationError as error:
            raise ConfigError(_problems(error)) from None
        if self.n_embd % self.n_head:
            above = (self.n_embd // self.n_head + 1) * self.n_head
            raise ConfigError(
                {
                    "n_embd": f"{self.n_embd} does not divide into n_head = {self.n_head} equal heads; "
                    f"take a multiple of {self.n_head}, such as {above}"
                }
            )

    @property
    def head_dim(self) -> int:
        """D: the width of one head, C // H."""
        return self.n_embd // self.n_head

    def to_dict(self) -> dict[str, Any]:
        """Return every field by its name, as plain numbers, booleans and strings, the form of `config.json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> GPTConfig:
        """Return the config of `to_dict`'s fields. Raise ConfigError for a missing or unknown field.

        >>> GPTConfig.from_dict({"block_size": 8, "vocab_size": 3, "n_layer": 1, "n_head": 1, "n_embd": 4}).n_layer
        1
        """
        try:
            _rules().model_validate(dict(fields))
        except pydantic.ValidationError as error:
            raise ConfigError(_problems(error)) from None
        return cls(**fields)

    @classmethod
    def preset(cls, name: str) -> GPTConfig:
        """Return a well-known model's sizes by its name.

        >>> GPTConfig.preset("gpt2").n_embd
        768
        """
        if name not in PRESETS:
            raise ConfigError({"preset": f"there is none called {name!r}; use one of {', '.join(PRESETS)}"})
        return PRESETS[name]


def nearest_sizes(n_head: int, n_embd: int) -> list[tuple[int, int]]:
    """Return the (n_head, n_embd) nearest to an impossible pair: n_embd changed, down and up; then n_head likewise.

    A pair that is possible is the only one. Both numbers are at least 1.

    >>> nearest_sizes(5, 768)
    [(5, 765), (5, 770), (4, 768), (6, 768)]
    >>> nearest_sizes(12, 768)
    [(12, 768)]
    """
    if n_embd % n_head == 0:
        return [(n_head, n_embd)]
    below = n_embd // n_head * n_head
    heads = [heads for heads in range(1, n_embd + 1) if n_embd % heads == 0]
    fewer = [each for each in heads if each < n_head][-1:]
    more = [each for each in heads if each > n_head][:1]
    widths = [width for width in (below, below + n_head) if width]
    return [*((n_head, width) for width in widths), *((each, n_embd) for each in (*fewer, *more))]


@cache
def _rules() -> type[pydantic.BaseModel]:
    """Return the fields' types and bounds as a pydantic model: strict, so that "6" or True is not a number."""
    hints = get_type_hints(GPTConfig, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.default is dataclasses.MISSING else field.default)
        for field in dataclasses.fields(GPTConfig)
    }
    return pydantic.create_model("GPTConfig", __config__=pydantic.ConfigDict(strict=True, extra="forbid"), **fields)


def _problems(error: pydantic.ValidationError) -> dict[str, str]:
    """Return pydantic's findings as one sentence a field: what was wanted, then what was got."""
    problems = {}
    for found in error.errors(include_url=False):
        name = ".".join(str(part) for part in found["loc"])
        if found["type"] == "extra_forbidden":
            problems[name] = "a GPTConfig has no such field; leave it out"
        elif found["type"] == "missing":
            problems[name] = "this field is missing; give it a value"
        else:
            problems[name] = f"{found['msg'][0].lower()}{found['msg'][1:]}, got {found['input']!r}"
    return problems


def _gpt2(n_layer: int, n_head: int, n_embd: int, block_size: int = 1024) -> GPTConfig:
    return GPTConfig(block_size, 50257, n_layer, n_head, n_embd, activation="gelu_tanh")


PRESETS: dict[str, GPTConfig] = {
    "gpt2": _gpt2(12, 12, 768),
    "gpt2-medium": _gpt2(24, 16, 1024),
    "gpt2-large": _gpt2(36, 20, 1280),
    "gpt2-xl": _gpt2(48, 25, 1600),
    "gpt3-175b": _gpt2(96, 96, 12288, block_size=2048),
    "baby-gpt": GPTConfig(256, 65, 6, 6, 384, bias=False),
    "nanogpt-cpu": GPTConfig(64, 65, 4, 4, 128, bias=False),
    "nano-sort": GPTConfig(11, 3, 3, 3, 48, tie_weights=False, activation="gelu_tanh"),
}
