"""Levels by chance: what each score is of a head that knows nothing, the thin line to draw in its chart.

Formulas alone; tests hold them by simulation.
Scores of patterns: attention spread evenly over all keys that a query sees. Scores of weights: random entries.
"""

from __future__ import annotations

import math

from gptcore.config import GPTConfig


def _harmonic(n: int) -> float:
    """Return 1 + 1/2 + ... + 1/n."""
    return math.fsum(1 / i for i in range(1, n + 1))


def previous(T: int) -> float:
    """Return the score "previous" of uniform attention over T tokens.

    >>> round(previous(100), 4)
    0.0423
    """
    return (_harmonic(T) - 1) / (T - 1) if T > 1 else math.nan


def current(T: int) -> float:
    """Return the score "current" of uniform attention over T tokens.

    >>> current(2)
    0.75
    """
    return _harmonic(T) / T


def first(T: int) -> float:
    """Return the score "first" of uniform attention over T tokens.

    >>> first(2)
    0.75
    """
    return _harmonic(T) / T


def sink(T: int = 64) -> float:
    """Return the score "sink" of uniform attention.

    >>> round(sink(), 4)
    0.0741
    """
    return first(T)


def duplicate(half: int) -> float:
    """Return the score "duplicate" of uniform attention, for `half` tokens repeated once.

    >>> round(duplicate(50), 5)
    0.01376
    """
    return (_harmonic(2 * half) - _harmonic(half)) / half


def induction(half: int) -> float:
    """Return the score "induction" of uniform attention, for `half` tokens repeated once.

    >>> round(induction(50), 5)
    0.01376
    """
    return duplicate(half)


def prefix_matching(length: int = 25, copies: int = 4) -> float:
    """Return the prefix-matching score of uniform attention, for `length` tokens that stand `copies` times.

    >>> prefix_matching(1, 2)
    0.5
    """
    sums = [(copy, 1 / (copy * length + i + 1)) for copy in range(1, copies) for i in range(length)]
    return math.fsum(copy * each for copy, each in sums) / sum(copy for copy, _ in sums)


def copying(head_dim: int) -> tuple[float, float]:
    """Return mean and standard deviation of the copying score of random weights, for D much smaller than C.

    The sum of eigenvalues is a sum of C * D independent products, and the D eigenvalues of the (D, D) product fill a
    disc evenly, so that their mean length is two thirds of its radius: 1.5 / D. Where D is C, it is 2 / D.

    >>> copying(64)
    (0.0, 0.0234375)
    """
    return 0.0, 1.5 / head_dim


def ov_top1(vocab_size: int) -> float:
    """Return the share of tokens that random weights copy.

    >>> ov_top1(50)
    0.02
    """
    return 1 / vocab_size


def composition(n_embd: int) -> float:
    """Return the composition score of random weights.

    >>> round(composition(768), 4)
    0.0361
    """
    return 1 / math.sqrt(n_embd)


def projection_kernel(n_embd: int, head_dim: int) -> float:
    """Return the projection kernel of two random subspaces.

    >>> round(projection_kernel(768, 64), 2)
    5.33
    """
    return head_dim**2 / n_embd


def of_scores(config: GPTConfig, half: int) -> dict[str, float]:
    """Return the chance level of each score of `head_scores` on a probe of `half` tokens repeated once.

    >>> sorted(of_scores(GPTConfig.preset("gpt2"), 50))
    ['current', 'duplicate', 'first', 'induction', 'previous', 'sink']
    """
    T = 2 * half
    return {
        "previous": previous(T),
        "current": current(T),
        "first": first(T),
        "duplicate": duplicate(half),
        "induction": induction(half),
        "sink": sink(min(64, config.block_size)),
    }
