"""Measured time of each part of a model in its forward pass, beside the FLOPs that it is for.

The clocks are hooks on a copy of the modules that has the model's own weights, so that no other run meets them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gptcore.capture.models import Model, model_of
from gptcore.graph.costs import Part, RunSize, parts
from gptcore.model import GPT, MLP, CausalSelfAttention
from gptcore.skip_init import twin

KINDS: tuple[tuple[type[nn.Module], Part], ...] = (
    (nn.Embedding, "embeddings"),
    (nn.LayerNorm, "norms"),
    (CausalSelfAttention, "attention"),
    (MLP, "MLP"),
)
"""The part that a module of each class is; `lm_head` is the head."""
PATIENCE = 1.0
"""Seconds after which no further pass is begun."""


@dataclass(frozen=True)
class PartTimes:
    """Times of one forward pass: of those measured, the one of median length, so that its parts add up."""

    seconds: dict[Part, float]
    """The time inside each part's modules."""
    whole: float
    """Seconds of the whole pass, clocks included."""
    bare: float
    """Median seconds of passes without clocks, measured in turn."""
    flops: dict[Part, int]
    """FLOPs of the same pass, which makes the logits of the last position alone: `model.py` without targets."""
    passes: int
    """The number of passes that were measured with clocks."""

    @property
    def rest(self) -> float:
        """Seconds between the modules: sums on the residual stream, and Python's own steps."""
        return self.whole - sum(self.seconds.values())


def part_times(model: Model, ids: Sequence[int] | Tensor, passes: int = 9) -> PartTimes:
    """Measure how long each part of the model takes in a pass over these token ids, on the model's device.

    Args:
        model: a GPT, or what `capture` takes.
        ids: (T,) or (B, T) token ids, at most block_size.
        passes: how many to measure; fewer where they take longer than `PATIENCE`, at least one.

    Raises:
        ValueError: there is no model or no token, or T is larger than block_size.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> times = part_times(model, [1, 2, 3], passes=3)
    >>> abs(sum(times.seconds.values()) + times.rest - times.whole) < 1e-9
    True
    """
    gpt = model_of(model)
    device = gpt.lm_head.weight.device
    idx = torch.as_tensor(ids, dtype=torch.long, device=device)
    idx = idx[None] if idx.ndim == 1 else idx
    if idx.ndim != 2 or not idx.numel():
        raise ValueError(f"ids are (T,) or (B, T) with one token or more, got the shape {tuple(idx.shape)}; give some")
    if passes < 1:
        raise ValueError(f"passes must be at least 1, got {passes}; one is measured")
    wait = torch.accelerator.synchronize if device.type != "cpu" else lambda: None
    bare, clocked = (twin(GPT, gpt.config, gpt.state_dict()) for _ in range(2))
    clock = _Clock(clocked, wait)
    timed: list[tuple[float, dict[Part, float]]] = []
    plain: list[float] = []
    with torch.no_grad():
        for each in (bare, clocked):
            each(idx)  # the first pass of a size is slower
        began = time.perf_counter()
        while len(timed) < passes and (not timed or time.perf_counter() - began < PATIENCE):
            plain.append(_seconds(bare, idx, wait))
            clock.seconds = {}
            timed.append((_seconds(clocked, idx, wait), clock.seconds))
    timed.sort(key=lambda one: one[0])
    whole, seconds = timed[len(timed) // 2]
    return PartTimes(seconds, whole, statistics.median(plain), _flops(gpt, *idx.shape), len(timed))


def _flops(model: GPT, B: int, T: int) -> dict[Part, int]:
    """Return the FLOPs by part, the head's at one position."""
    found = {part: cost.flops for part, cost in parts(model.config, RunSize(T, B)).items()}
    return found | {"head": parts(model.config, RunSize(1, B))["head"].flops}


def _seconds(model: GPT, idx: Tensor, wait: Callable[[], object]) -> float:
    wait()
    began = time.perf_counter()
    model(idx)
    wait()
    return time.perf_counter() - began


class _Clock:
    """Adds up the time inside modules, by their part."""

    def __init__(self, model: GPT, wait: Callable[[], object]) -> None:
        self.seconds: dict[Part, float] = {}
        self._wait, self._began = wait, 0.0
        for module in model.modules():
            for kind, part in KINDS:
                if isinstance(module, kind):
                    self._watch(module, part)
        self._watch(model.lm_head, "head")

    def _watch(self, module: nn.Module, part: Part) -> None:
        module.register_forward_pre_hook(self._start)
        module.register_forward_hook(lambda *_: self._stop(part))

    def _start(self, *_: Any) -> None:
        self._wait()
        self._began = time.perf_counter()

    def _stop(self, part: Part) -> None:
        self._wait()
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - self._began
