"""The in-context score: how much better a model predicts late in a text than early."""

from __future__ import annotations

from dataclasses import dataclass

from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

EARLY, LATE = 50, 500
"""The tokens whose losses are compared where there are so many, counted from 1, as in the paper."""
LONG = 512


@dataclass(frozen=True)
class InContext:
    """A difference of two mean losses."""

    score: float
    """Mean loss of the late positions minus that of the early ones, in nats; below 0, the context helps."""
    early: range
    late: range
    """The positions whose guess of the next token is meant, from 0."""


def in_context_score(trace: Trace) -> InContext:
    """Return the in-context score of a run, over all of its sequences.

    With 512 positions or more it is the loss at the 500th token minus the loss at the 50th; in a shorter run the mean
    of the last eighth of its positions minus that of the second eighth. `early` and `late` tell which.

    Raises:
        ValueError: the run has fewer than 16 positions that guess a token.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=40, vocab_size=5, n_layer=1, n_head=1, n_embd=4)).eval()
    >>> found = in_context_score(capture(model, [3, 1, 4, 2] * 8 + [3]))
    >>> found.early, found.late
    (range(4, 8), range(28, 32))
    """
    guesses = trace.T - 1  # the last position has no target
    if guesses < 16:
        raise ValueError(f"an in-context score needs 17 tokens at least, got {trace.T}; take a longer text")
    if trace.T >= LONG:
        early, late = range(EARLY - 1, EARLY), range(LATE - 1, LATE)
    else:
        eighth = guesses // 8
        early, late = range(eighth, 2 * eighth), range(guesses - eighth, guesses)
    name = architecture(trace.config).named("loss")
    first, last = (trace.rows(name, part.start, part.stop).double().mean().item() for part in (early, late))
    return InContext(last - first, early, late)
