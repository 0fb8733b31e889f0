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
    (0, True)
    """
    keep, known = _kept(trace, weights, before), trace.T - 1
    values = list(before.values[:keep]) if before else []
    if before and len(values) < keep:
        values.append(_of_last_logits(before.trace, int(trace.ids[0, keep])))
    name = architecture(trace.config).named("loss")
    for start in range(keep, known, ROWS):
        values += trace.rows(name, start, min(start + ROWS, known))[0].tolist()
    return Losses(trace, weights, tuple(values))


def _kept(trace: Trace, weights: object, before: Losses | None) -> int:
    """Return how many of the first losses cost nothing: that of a position also depends on the token behind it.

    Behind the last position of the run before there was none; but that run has its logits.
    """
    if before is None or before.weights is not weights:
        return 0
    shared = common(before.trace, trace)
    longer = shared == before.trace.T < trace.T
    return shared if longer else max(0, shared - 1)


def _of_last_logits(trace: Trace, target: int) -> float:
    """Return the loss at a run's last position, now that the token behind it is known."""
    logits = trace.rows(architecture(trace.config).named("logits"), trace.T - 1, trace.T)[0, 0]  # (V,), captured
    return -logits.float().log_softmax(dim=-1)[target].item()
