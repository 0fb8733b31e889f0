"""The worth of a head: what a logit loses without it beside what it adds, and the loss of a token without it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.ablation import ablation_sweep
from gptcore.analysis.attribution import logit_attribution
from gptcore.analysis.patching import Progress
from gptcore.capture.models import Model
from gptcore.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class HeadEffects:
    """Effects of every head on a logit, or on the difference of two, in its units."""

    predicted: Float[Tensor, "L H"]
    """The head's part by direct attribution: what would be lost if nothing behind the head changed."""
    actual: Float[Tensor, "L H"]
    """The logit with the head minus the logit without it."""

    @property
    def repaired(self) -> Float[Tensor, "L H"]:
        """The part of a loss that later parts make up for; below 0, what they lose besides: predicted - actual."""
        return self.predicted - self.actual


def head_effects(
    model: Model, trace: Trace, token: int, versus: int | None = None, position: int = -1, row: int = 0,
    *, keep_patterns: bool = False, progress: Progress | None = None,
) -> HeadEffects:  # fmt: skip
    """Return for every head what attribution says that it adds to a logit, and what the logit loses without it.

    Args:
        model: the model of the run.
        trace: the run; its edits stay.
        token: the token that the logit is of.
        versus: the token whose logit is taken from it; None for the logit itself.
        position: the position that is read. Each head is switched off at all positions.
        row: the sequence of the batch.
        keep_patterns: True keeps every later pattern as it was.
        progress: as for `patch_sweep`; heads that are left out are NaN in `actual`.

    Raises:
        ValueError: a token, position or row that is not there.

    Source: Wang et al. 2022, "Interpretability in the Wild" (backup heads); McGrath et al. 2023, "The Hydra Effect".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> effects = head_effects(model, capture(model, [3, 1, 4]), token=2)
    >>> effects.predicted.shape, effects.actual.shape
    (torch.Size([2, 2]), torch.Size([2, 2]))
    """
    found = logit_attribution(trace, token, versus, position, row)
    parts = [part.value for part in found.parts if part.head is not None]
    predicted = torch.tensor(parts, dtype=torch.float64).view(trace.config.n_layer, trace.config.n_head)

    def metric(logits: Float[Tensor, "B T V"]) -> Tensor:
        at = logits[row, found.position].double()
        return at[token] - (0 if versus is None else at[versus])

    gained = ablation_sweep(model, trace, metric, keep_patterns=keep_patterns, progress=progress)
    return HeadEffects(predicted, -gained)


def loss_without_heads(
    model: Model, trace: Trace, token: int, position: int = -1, row: int = 0, *, progress: Progress | None = None,
) -> Float[Tensor, "L H"]:  # fmt: skip
    """Return for every head the loss of a token at a position, in nats, that is gained with the head switched off.

    It is ln(p / p_without): e to the power of minus it, times p, is the token's probability without the head. The
    loss counts what a head takes from other tokens as well as what it adds to this one, which a logit does not.

    Args:
        model: the model of the run.
        trace: the run; its edits stay.
        token: the token.
        position: the position that predicts it, negative ones from the end. A head is switched off at all positions.
        row: the sequence of the batch.
        progress: as for `patch_sweep`; heads that are left out are NaN.

    Raises:
        ValueError: a token, position or row that is not there.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> loss_without_heads(model, capture(model, [3, 1, 4]), token=2).shape
    torch.Size([2, 2])
    """
    at = logit_attribution(trace, token, None, position, row).position  # which checks all three

    def metric(logits: Float[Tensor, "B T V"]) -> Tensor:
        return logits[row, at].double().log_softmax(dim=-1)[token]

    return -ablation_sweep(model, trace, metric, progress=progress)
