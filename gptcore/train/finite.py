"""What stops a training that has gone wrong: a loss, a gradient or a weight that is no finite number."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gptcore.model import GPT


class NotFiniteError(ValueError):
    """A NaN or an infinity; where it was found first, and in which parameter."""


class Norms:
    """The gradient's norms since they were last looked at, left on the device so that nothing waits for them."""

    def __init__(self) -> None:
        self._kept: list[Tensor] = []

    def add(self, norm: Tensor) -> None:
        """Keeps the norm (0-dimensional) of one step more."""
        self._kept.append(norm)

    def look(self, step: int, loss: Tensor, model: GPT) -> tuple[float, float]:
        """This step's loss and norm, all norms since the last look being finite.

        Called between the backward pass of `step` and its update, so that no weight has been touched by it.

        Raises:
            NotFiniteError: one is not; names the step and the parameter with the largest gradient.
        """
        loss_, *norms = torch.stack([loss.float(), *self._kept]).tolist()
        self._kept.clear()
        bad = next((i for i, norm in enumerate(norms) if not math.isfinite(norm)), None)
        if bad is None and math.isfinite(loss_):
            return loss_, norms[-1]
        first = step if bad is None else step - len(norms) + 1 + bad
        name, norm = largest_gradient(model)
        raise NotFiniteError(
            f"the loss or its gradient is no finite number at step {first:,} (loss {loss_:.4g}); the largest gradient "
            f"is that of {name}, with norm {norm:.4g}"
        )


def largest_gradient(model: GPT) -> tuple[str, float]:
    """The parameter with the largest gradient, and its norm; NaN counts as largest of all."""
    norms = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    name = max(norms, key=lambda name: math.inf if math.isnan(norms[name]) else norms[name])
    return name, norms[name]


def check_losses(step: int, losses: dict[str, float]) -> None:
    """That what was measured after a step is finite."""
    for name, value in losses.items():
        if not math.isfinite(value):
            raise NotFiniteError(f"{name} is {value} after step {step:,}, though the gradient was finite until then")


def check_weights(step: int, model: GPT) -> None:
    """That the weights can be saved."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise NotFiniteError(f"{name} has weights that are no finite numbers after step {step:,}")
