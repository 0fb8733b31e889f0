"""Two sets of weights of one shape: how far every tensor of a run, and every weight, is from its counterpart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from gptcore.analysis.patching import Progress
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

NO_AMOUNTS = ("tokens", "loss")
"""Roles of tensors that are left out: ids are names, and of the last token there is no loss."""
AT_ONCE = 4_000_000
"""Numbers of a tensor that are held against each other at once."""


def tensor_differences(
    one: Trace, other: Trace, names: Sequence[str] | None = None, *, progress: Progress | None = None
) -> dict[str, float]:
    """Return |other - one| / |one| of every tensor of two runs of the same tokens, by name; with norms in float64.

    0 where both are the same; infinite where `one` is 0 and `other` is not. Cells that are masked (-inf) in both are
    left out.

    Args:
        one: a run.
        other: the run of other weights of the same shape.
        names: the tensors; by default all of the map but the ids and the loss.
        progress: called before each tensor and at the end, with those that are done and all; where it returns False,
            those that are done are returned.

    Raises:
        ValueError: other tokens, or models of other shapes.
        KeyError: a tensor that a run does not hold.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> config = GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)
    >>> one, other = (capture(GPT(config).eval(), [3, 1, 4]) for _ in range(2))
    >>> tensor_differences(one, one)["transformer.h.1.attn.pattern"]
    0.0
    >>> tensor_differences(one, other)["lm_head"] > 0
    True
    """
    if one.ids.shape != other.ids.shape or not torch.equal(one.ids.cpu(), other.ids.cpu()):
        raise ValueError("both runs must be of the same tokens; capture the same ids with both models")
    told = names if names is not None else named(one)
    shapes, others = one.shapes(), other.shapes()
    wrong = next((name for name in told if name in shapes and shapes[name] != others.get(name)), None)
    if wrong is not None:
        raise ValueError(
            f"{wrong} is {shapes[wrong][1]} in one run and {others[wrong][1] if wrong in others else 'missing'} in the "
            "other; compare models of the same shape"
        )
    found: dict[str, float] = {}
    for done, name in enumerate(told):
        if progress is not None and progress(done, len(told)) is False:
            return found
        step = max(1, AT_ONCE * one.T // math.prod(shapes[name][1])) if name in shapes else one.T
        parts = ((start, min(one.T, start + step)) for start in range(0, one.T, step))
        found[name] = _ratio(_squares(one.rows(name, *part), other.rows(name, *part)) for part in parts)
    if progress is not None:
        progress(len(told), len(told))
    return found


def named(trace: Trace) -> list[str]:
    """Return the tensors of a run that can be compared, in the order of computation."""
    nodes = architecture(trace.config).nodes
    return [name for name in trace if nodes[name].role not in NO_AMOUNTS]


def weight_differences(one: Model, other: Model) -> dict[str, float]:
    """Return |other - one| / |one| of every parameter, by its state-dict key; as `tensor_differences`.

    Raises:
        ValueError: models of other shapes.

    >>> from gptcore import GPT, GPTConfig
    >>> config = GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)
    >>> model = GPT(config)
    >>> set(weight_differences(model, model).values())
    {0.0}
    """
    first, second = (dict(model_of(model).named_parameters()) for model in (one, other))
    for name in [*first, *second]:
        shapes = [tuple(each[name].shape) if name in each else None for each in (first, second)]
        if shapes[0] != shapes[1]:
            told = " and ".join("missing" if shape is None else str(shape) for shape in shapes)
            raise ValueError(f"{name} is {told}; compare models of the same shape")
    return {name: relative(weight, second[name]) for name, weight in first.items()}


def relative(one: Tensor, other: Tensor) -> float:
    """Return |other - one| / |one|, without cells that are -inf in both.

    >>> relative(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))
    0.2
    """
    step = max(1, AT_ONCE * len(one) // max(1, one.numel()))
    return _ratio(map(_squares, one.split(step), other.split(step)))


@torch.no_grad()
def _squares(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Return |other - one| squared and |one| squared, without cells that are -inf in both."""
    first, second = one.detach().cpu().double(), other.detach().cpu().double()
    masked = first.isneginf() & second.isneginf()
    if masked.any():
        first, second = first[~masked], second[~masked]
    return float((second - first).norm()) ** 2, float(first.norm()) ** 2


def _ratio(squares: Iterable[tuple[float, float]]) -> float:
    """Return how far apart two tensors are, from those of their pieces."""
    away, size = (math.fsum(each) for each in zip(*squares, strict=True))
    return math.sqrt(away / size) if size else float("inf") if away else 0.0
