"""The sizes that a person supposes on the page Sizes: those asked for may be impossible. No Streamlit."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gptcore import GPTConfig
from gptcore.config import PRESETS, nearest_sizes
from gptcore.graph.costs import RunSize

BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "n_layer": (1, 200),
    "n_head": (1, 256),
    "n_embd": (1, 65_536),
    "block_size": (1, 1_048_576),
    "vocab_size": (1, 1_048_576),
    "bias": (0, 1),
    "tie_weights": (0, 1),
    "T": (1, 1_048_576),
    "B": (1, 65_536),
    "number": (1, 8),
    "fused": (0, 1),
}
"""The least and the largest value of each field; a yes is 1, a no is 0."""
STOPS: Final[dict[str, tuple[int, ...]]] = {
    "n_layer": (*range(1, 13), 16, 20, 24, 32, 36, 40, 48, 64, 80, 96, 128),
    "n_head": (*range(1, 13), 16, 20, 24, 25, 32, 40, 48, 64, 96, 128),
    "n_embd": (4, 8, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 512, 1024),
    "block_size": tuple(2**power for power in range(3, 18)),
    "vocab_size": (3, 32, 65, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_000, 50_257, 100_000, 200_000),
    "T": tuple(2**power for power in range(18)),
    "B": (1, 2, 4, 8, 12, 16, 32, 64, 128, 256, 512, 1024),
}
"""The values at which a slider stops; of n_embd so many numbers a head, so that the heads stay equal."""
_TEXT = re.compile(r"\d{1,8}(-\d{1,8}){10}")


@dataclass(frozen=True)
class Choice:
    """All settings of the page, each within its bounds; together they may be impossible."""

    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    vocab_size: int
    bias: int
    tie_weights: int
    T: int
    B: int = 1
    number: int = 4
    """Bytes of a number."""
    fused: int = 0
    """1 where attention runs as one operation."""

    @classmethod
    def of(cls, config: GPTConfig) -> Choice:
        """Return the settings of a model, at its full context."""
        return cls(
            config.n_layer,
            config.n_head,
            config.n_embd,
            config.block_size,
            config.vocab_size,
            int(config.bias),
            int(config.tie_weights),
            T=config.block_size,
        )

    @property
    def config(self) -> GPTConfig:
        """The model's sizes; a ConfigError where the heads cannot be equal."""
        return GPTConfig(
            self.block_size,
            self.vocab_size,
            self.n_layer,
            self.n_head,
            self.n_embd,
            bias=bool(self.bias),
            tie_weights=bool(self.tie_weights),
        )

    @property
    def run(self) -> RunSize:
        """The size of the run."""
        return RunSize(self.T, self.B, self.number, bool(self.fused))

    def is_model(self, config: GPTConfig) -> bool:
        """Tell if these are the sizes of this model, whatever the run."""
        mine, its = self, Choice.of(config)
        return replace(mine, T=its.T, B=its.B, number=its.number, fused=its.fused) == its

    def with_run_of(self, other: Choice) -> Choice:
        """Return these sizes with the batch, the numbers and the attention of another choice."""
        return replace(self, B=other.B, number=other.number, fused=other.fused)


@dataclass(frozen=True)
class Problem:
    """A sentence that says why settings are impossible, and the nearest possible ones."""

    text: str
    remedies: tuple[tuple[str, Choice], ...]
    """The words of each button, and the settings that it asks for."""


def problem(asked: Choice) -> Problem | None:
    """Return what makes these settings impossible; None where they are possible.

    >>> found = problem(Choice(12, 5, 768, 1024, 50257, 1, 1, T=1024))
    >>> found.text
    'C = 768 does not divide into H = 5 equal heads: 768 / 5 leaves 3.'
    >>> [label for label, _ in found.remedies]
    ['C = 765', 'C = 770', 'H = 4', 'H = 6']
    """
    C, H, T, longest = asked.n_embd, asked.n_head, asked.T, asked.block_size
    if C % H:
        text = f"C = {C:,} does not divide into H = {H} equal heads: {C:,} / {H} leaves {C % H}."
        pairs = nearest_sizes(H, C)
        possible = [(heads, width) for heads, width in pairs if _fits(n_head=heads, n_embd=width)]
        labels = [f"C = {width:,}" if heads == H else f"H = {heads}" for heads, width in possible]
        changed = [replace(asked, n_head=heads, n_embd=width) for heads, width in possible]
        return Problem(text, tuple(zip(labels, changed, strict=True)))
    if longest < T:
        text = f"T = {T:,} tokens are more than block_size = {longest:,}: no later position has an embedding."
        shorter, longer = replace(asked, T=longest), replace(asked, block_size=T)
        return Problem(text, ((f"T = {longest:,}", shorter), (f"block_size = {T:,}", longer)))
    return None


def stops(choice: Choice, name: str) -> list[int]:
    """Return the values at which the slider of a field stops; the present one is among them.

    >>> stops(Choice(12, 12, 768, 1024, 50257, 1, 1, T=1024), "n_embd")[:3]
    [48, 96, 192]
    """
    own, most = getattr(choice, name), BOUNDS[name][1]
    found = set(STOPS[name])
    if name == "n_embd":
        found = {width * choice.n_head for width in found}
    if name == "T":
        most = choice.block_size
        found.add(most)
    return sorted({each for each in found if each <= most} | {own})


def read(told: dict[str, Any], before: Choice) -> Choice:
    """Return the settings that a browser has told; one that is no number within its bounds stays as it was.

    >>> before = Choice(12, 12, 768, 1024, 50257, 1, 1, T=1024)
    >>> read({"n_layer": 24, "n_head": -1, "T": "8"}, before) == replace(before, n_layer=24)
    True
    """
    good = {name: told[name] for name in BOUNDS if type(told.get(name)) is int and _fits(**{name: told[name]})}
    return replace(before, **good)


def to_text(choice: Choice) -> str:
    """Return the settings as a short text, for an address.

    >>> to_text(Choice(12, 12, 768, 1024, 50257, 1, 1, T=1024))
    '12-12-768-1024-50257-1-1-1024-1-4-0'
    """
    return "-".join(str(getattr(choice, field.name)) for field in fields(Choice))


def of_text(text: str) -> Choice:
    """Return the settings that `to_text` has written.

    Raises:
        ValueError: the text holds none, or one out of its bounds.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError(f"sizes are {len(BOUNDS)} whole numbers with dashes between, got {text[:80]!r}")
    values = dict(zip(BOUNDS, map(int, text.split("-")), strict=True))
    for name, value in values.items():
        if not _fits(**{name: value}):
            low, high = BOUNDS[name]
            raise ValueError(f"{name} is from {low} to {high:,}, got {value:,}")
    return Choice(**values)


def presets(model: GPTConfig) -> dict[str, Choice]:
    """Return the known models and this one, by the names of their buttons.

    >>> list(presets(GPTConfig.preset("gpt2")))[:3]
    ['this model', 'nano-sort', 'nanogpt-cpu']
    """
    known = sorted(PRESETS.items(), key=lambda each: each[1].n_layer * each[1].n_embd ** 2)
    return {"this model": Choice.of(model)} | {name: Choice.of(config) for name, config in known}


def _fits(**values: int) -> bool:
    return all(BOUNDS[name][0] <= value <= BOUNDS[name][1] for name, value in values.items())
