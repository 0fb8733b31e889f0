"""Checks that stop a training when a loss, a gradient or a weight is not finite. This file knows models, no files."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gptcore.model import GPT


class NotFiniteError(ValueError):
    """A NaN or an infinity. The sentence says at which step it was found first, and in which parameter."""


class Norms:
    """The gradient's norms since the last check, kept on the device so that the CPU does not wait for them."""

    def __init__(self) -> None:
        self._kept: list[Tensor] = []

    def add(self, norm: Tensor) -> None:
        """Keep the norm (0-dimensional) of one more step."""
        self._kept.append(norm)

    def look(self, step: int, loss: Tensor, model: GPT) -> tuple[float, float]:
        """Check all norms since the last check. Return this step's loss and norm.

        The caller calls this between the backward pass of `step` and its update, so that a NaN reaches no weight.

        Raises:
            NotFiniteError: one is not finite; the sentence names the step and the parameter of the largest gradient.
        """
        loss_, *norms = torch.stack([loss.float(), *self._kept]).tolist()
        self._kept.clear()
        bad = next((i for i, norm in enumerate(norms) if not math.isfinite(norm)), None)
        if bad is None and math.isfinite(loss_):
            return loss_, norms[-1]
        first = step if bad is None else step - len(norms) + 1 + bad
        name, norm = largest_gradient(model)
        raise NotFiniteError(
            f"the loss or its gradient is not finite at step {first:,} (loss {loss_:.4g}); the largest gradient "
            f"is that of {name}, with norm {norm:.4g}"
        )


def largest_gradient(model: GPT) -> tuple[str, float]:
    """Return the parameter with the largest gradient, and its norm; NaN counts as the largest."""
    norms = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    name = max(norms, key=lambda name: math.inf if math.isnan(norms[name]) else norms[name])
    return name, norms[name]


def check_losses(step: int, losses: dict[str, float]) -> None:
    """Raise NotFiniteError unless all measurements after a step are finite."""
    for name, value in losses.items():
        if not math.isfinite(value):
            raise NotFiniteError(f"{name} is {value} after step {step:,}, though the gradient was finite until then")


def check_weights(step: int, model: GPT) -> None:
    """Raise NotFiniteError unless all weights are finite, so that they can be saved."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise NotFiniteError(f"{name} has weights that are not finite after step {step:,}")
