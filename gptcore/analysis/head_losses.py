"""Losses of a text without each head, one at a time: what a head is worth where it was not looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gptcore.analysis.ablation import switch_off
from gptcore.analysis.patching import Progress
from gptcore.analysis.pieces import Pieces, Stopped
from gptcore.capture.capture import capture
from gptcore.capture.ids import Ids
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

AT_ONCE = 4_000_000
"""Logits that are in memory at once: those of a whole text may take gigabytes."""


@dataclass(frozen=True, eq=False)
class HeadLosses:
    """Mean losses of one text, in nats per token."""

    loss: float
    """The loss of the model as it is."""
    without: Float[Tensor, "L H"]
    """The loss with one head switched off; NaN of a head that was not asked for, or before which it was stopped."""

    @property
    def lost(self) -> Float[Tensor, "L H"]:
        """The loss without each head minus the loss with it: above 0, the head helps."""
        return self.without - self.loss


def head_losses(
    model: Model, text: Ids, counted: Bool[Tensor, "B t"] | None = None,
    *, only: Iterable[tuple[int, int]] | None = None, progress: Progress | None = None,
) -> HeadLosses:  # fmt: skip
    """Measure the mean loss of a text with each head switched off in turn; layers below the head are not run again.

    Args:
        model: a model or checkpoint, in eval mode.
        text: ids of a text, (T,) or (B, T), best one that the model has not seen.
        counted: the targets that count, (B, T - 1): of each next token; None for all. A task decides only some.
        only: the heads that are switched off, (layer, head); None for all.
        progress: called at the start and after each head with the heads that are done and all; a False stops.

    Raises:
        ValueError: a text of one token, or targets of which none counts, or that are not (B, T - 1).

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = head_losses(model, [2, 0, 2, 1])
    >>> found.without.shape, bool((found.lost.abs() < 1).all())
    (torch.Size([2, 2]), True)
    """
    gpt, config = model_of(model), model_of(model).config
    arch = architecture(config)
    streams = [arch.named("residual in", layer) for layer in range(config.n_layer)]  # where a changed run begins
    read = [*streams, arch.named("loss")]
    run = capture(gpt, text, names=read)
    if run.T < 2:
        raise ValueError("a held-out text needs two tokens at least, as a loss is of the next token; take a longer one")
    if counted is not None and (counted.shape != (run.B, run.T - 1) or not counted.any()):
        raise ValueError(
            f"counted must say of each next token if it counts, {(run.B, run.T - 1)}, and of one at least that it does;"
            f" got {tuple(counted.shape)}, {int(counted.sum())} that count"
        )
    loss = _mean(run, counted)
    without = torch.full((config.n_layer, config.n_head), torch.nan, dtype=torch.float64)
    try:
        heads = without.isnan().nonzero().tolist() if only is None else list(only)
        pieces = Pieces(progress, len(heads))
        for layer, head in heads:
            changed = capture(gpt, run.ids, names=read, edits=[switch_off(config, layer, head)], previous=run)
            without[layer, head] = _mean(changed, counted)
            pieces.done()
    except Stopped:
        pass
    return HeadLosses(loss, without)


def _mean(trace: Trace, counted: Bool[Tensor, "B t"] | None) -> float:
    name, last = architecture(trace.config).named("loss"), trace.T - 1
    step = max(1, AT_ONCE // (trace.B * trace.config.vocab_size))
    parts = [trace.rows(name, start, min(last, start + step)) for start in range(0, last, step)]
    losses = torch.cat(parts, dim=1).double()  # (B, T - 1)
    return (losses if counted is None else losses[counted.to(losses.device)]).mean().item()
