"""The loss at each position of a prompt that has a target, its next token. A key costs its own token. No Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.panels.growing import common
from gptcore import Trace, architecture
from gptcore.analysis.token_loss import ROWS


@dataclass(frozen=True)
class Losses:
    """The losses of one run, in nats."""

    trace: Trace
    weights: object
    """Owner of the run's weights."""
    values: tuple[float, ...]
    """-ln p of the next token, for each position that has one: all but the last."""

    @property
    def mean(self) -> float:
        """The loss that a training would have on this prompt; NaN of one token, which has no target."""
        return math.fsum(self.values) / len(self.values) if self.values else math.nan


def unknown(trace: Trace, weights: object, before: Losses | None) -> int:
    """Return how many losses of a run are not among those that were computed before."""
    return trace.T - 1 - _kept(trace, weights, before)


def cost(trace: Trace) -> float:
    """Return the multiplications of one more loss: the logits of its position."""
    return float(trace.config.n_embd) * trace.config.vocab_size


def losses_of(trace: Trace, weights: object, before: Losses | None = None) -> Losses:
    """Return the losses of a run's first sequence; those that `before` has are taken over.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=4)).eval()
    >>> short = losses_of(capture(model, [3, 1, 4]), model)
    >>> longer = capture(model, [3, 1, 4, 0])
    >>> unknown(longer, model, short), losses_of(longer, model, short).values[:2] == short.values
    (1, True)
    """
    keep, known = _kept(trace, weights, before), trace.T - 1
    values = list(before.values[:keep]) if before else []
    name = architecture(trace.config).named("loss")
    for start in range(keep, known, ROWS):
        values += trace.rows(name, start, min(start + ROWS, known))[0].tolist()
    return Losses(trace, weights, tuple(values))


def _kept(trace: Trace, weights: object, before: Losses | None) -> int:
    """Return how many of the first losses are known: that of a position also depends on the token behind it."""
    if before is None or before.weights is not weights:
        return 0
    return max(0, common(before.trace, trace) - 1)
