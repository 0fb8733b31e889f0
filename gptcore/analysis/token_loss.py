"""The loss of each token of a prompt, as training sees it: a guess of the next token at each position.

One forward pass over T tokens guesses T times, so it trains on T examples at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

ROWS = 64
"""The number of positions whose logits are in memory at a time: all of GPT-2's at T = 1024 are 200 MB."""


@dataclass(frozen=True)
class Guess:
    """The model's guess at one position. Without a target only `best` is known."""

    index: int
    """The input token's id."""
    target: int | None
    loss: float | None
    """-ln p of the target, in nats."""
    probability: float | None
    """The target's probability."""
    rank: int | None
    """The target's rank; 1 is the most probable token."""
    best: int
    """The most probable token's id."""
    best_probability: float
    entropy: float
    """Mean of -ln p over the distribution, in nats: 0 where one token is certain, ln V where all are equally likely."""

    @property
    def entropy_bits(self) -> float:
        """The same in bits."""
        return self.entropy / math.log(2)


@dataclass(frozen=True)
class Lesson:
    """A run against its targets."""

    guesses: tuple[Guess, ...]

    @property
    def losses(self) -> list[float]:
        """The losses of the positions that have a target."""
        return [guess.loss for guess in self.guesses if guess.loss is not None]

    @property
    def mean(self) -> float:
        """The loss that this run would be trained on, in nats; NaN without any target."""
        return math.fsum(self.losses) / len(self.losses) if self.losses else math.nan

    @property
    def perplexity(self) -> float:
        """exp of the mean: among how many equally likely tokens the model is as unsure."""
        return math.exp(self.mean) if self.mean < 700 else math.inf


def of_trace(trace: Trace, targets: Sequence[int | None] | None = None) -> Lesson:
    """Return the lesson of a run's first sequence.

    Args:
        trace: the run.
        targets: the token that was right at each position, None where none was asked for; without, the run's own next
            tokens, of which the last position has none.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> lesson = of_trace(trace)
    >>> [guess.target for guess in lesson.guesses]
    [1, 4, None]
    >>> abs(lesson.mean - trace["loss"][0, :2].mean().item()) < 1e-6
    True
    """
    ids: list[int] = trace.ids[0].tolist()
    wanted = [*ids[1:], None] if targets is None else list(targets)
    if len(wanted) != len(ids):
        raise ValueError(f"{len(ids)} positions need as many targets, got {len(wanted)}")
    guesses: list[Guess] = []
    for start in range(0, len(ids), ROWS):
        stop = min(start + ROWS, len(ids))
        guesses += _guesses(trace, ids[start:stop], wanted[start:stop], start, stop)
    return Lesson(tuple(guesses))


def guess_at(trace: Trace, position: int = -1) -> Guess:
    """Return the guess at one position of a run's first sequence; its target is the run's own next token.

    Raises:
        ValueError: a position that the run does not have.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=4)).eval()
    >>> guess = guess_at(capture(model, [3, 1, 4]), 1)
    >>> guess.index, guess.target, 0 < guess.entropy_bits <= math.log2(5)
    (1, 4, True)
    """
    if not -trace.T <= position < trace.T:
        raise ValueError(f"position must be from -{trace.T} to {trace.T - 1}, got {position}; take one of the run's")
    at = position % trace.T
    ids: list[int] = trace.ids[0].tolist()
    (found,) = _guesses(trace, [ids[at]], [ids[at + 1] if at + 1 < trace.T else None], at, at + 1)
    return found


def next_tokens(ids: Sequence[int], first_asked: int) -> list[int | None]:
    """Return the targets of a prompt: the next token at each position from the first that is asked; the last has none.

    >>> next_tokens([2, 0, 1, 1], 1)
    [None, 1, 1, None]
    """
    following = [*ids[1:], None]
    return [target if position >= first_asked else None for position, target in enumerate(following)]


def _guesses(trace: Trace, ids: list[int], wanted: list[int | None], start: int, stop: int) -> list[Guess]:
    logits = trace.rows(architecture(trace.config).named("logits"), start, stop)[0]  # (t, V)
    log_probs = logits.float().log_softmax(-1)
    targets = torch.tensor([0 if target is None else target for target in wanted], device=logits.device)
    of_target = log_probs.gather(1, targets[:, None])  # (t, 1)
    ranks = (log_probs > of_target).sum(-1) + 1
    best = log_probs.max(-1)
    entropies = torch.special.entr(log_probs.exp()).sum(-1)
    columns = (of_target[:, 0], ranks, best.indices, best.values.exp(), entropies)
    found = zip(ids, wanted, *(column.tolist() for column in columns), strict=True)
    return [
        Guess(index, target, max(0.0, -log_p), math.exp(log_p), rank, winner, p, entropy)
        if target is not None
        else Guess(index, None, None, None, None, winner, p, entropy)
        for index, target, log_p, rank, winner, p, entropy in found
    ]
