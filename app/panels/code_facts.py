"""The facts that stand at the ends of lines: what a line of the loss or of the generation did in this run.

This file knows no Streamlit. The names are those of `Line.fact` in gptcore/graph/listings.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from gptcore.generation.sampling import Sampling

ENDS = 2
"""Tokens that are written out at the beginning of a row of them; and the last one."""


def loss_facts(tokens: Sequence[str], n_vocab: int, mean: float | None) -> dict[str, str]:
    """Return what a training would do with a prompt.

    Args:
        tokens: the labels of the tokens that the model sees.
        n_vocab: the number of tokens that there are.
        mean: the mean loss of all positions that have a target, in nats; None until it is computed.

    >>> loss_facts(["a", "b", "c"], 5, 1.5)["shift"]
    "x = ids[:-1]: 'a' 'b' · y = ids[1:]: 'b' 'c'"
    """
    T, count = len(tokens), len(tokens) - 1
    run = f"this run: no targets, so the logits of one position: (1, 1, {n_vocab})"
    if not count:
        none = "one token has no next one: no target, no loss"
        return {"window": none, "shift": none, "run": run, "loss": none, "backward": _NO_TRAINING}
    shape = f"(1, {count}, {n_vocab})"
    return {
        "window": f"this prompt as one window: {T} tokens",
        "shift": f"x = ids[:-1]: {_some(tokens[:-1])} · y = ids[1:]: {_some(tokens[1:])}",
        "forward": f"x, y: (1, {count})",
        "backward": _NO_TRAINING,
        "run": run,
        "logits": f"of x: {shape}",
        "loss": f"mean of {count}: " + ("…" if mean is None else f"{mean:.4f} nats"),
    }


_NO_TRAINING = "not in this run: this page trains nothing"


def generation_facts(
    stages: Mapping[str, Tensor],
    position: int,
    labels: tuple[str, str],
    tokens: tuple[int, int],
    sampling: Sampling,
    seed: int,
    drawn: tuple[int, str],
) -> dict[str, str]:
    """Return how a prompt goes on.

    Args:
        stages: the scores of the last position after each stage, (V,) each.
        position: the last position.
        labels: the labels of its token and of the one that is most likely to be drawn next.
        tokens: the number of tokens of the whole text and of those that the model sees at most.
        sampling: the way the next token would be drawn.
        seed: the seed of the draws.
        drawn: the number of tokens of the text that were drawn, and a phrase on the last of them; "" without any.
    """
    last, best = labels
    whole, block_size = tokens
    lost = max(0, whole - block_size)
    stay = {name: int((scores > -math.inf).sum()) for name, scores in stages.items()}
    of = f"of {len(stages['logits']):,}"
    probability = stages["top_p"].softmax(dim=-1).max().item()
    k, p = sampling.top_k, sampling.top_p
    return {
        "crop": f"crop: {whole - lost:,} of {block_size:,} tokens, "
        + (f"dropped the first {lost:,} of {whole:,}" if lost else "nothing dropped"),
        "grown": f"{whole:,} tokens, {drawn[0]:,} of them drawn",
        "logits": f"of position {position}, after {last!r}: ({len(stages['logits'])},)",
        "temperature": f"T = {sampling.temperature:g}",
        "top_k": "top-k off: all stay" if k is None else f"top-k {k}: {stay['top_k']:,} {of} stay",
        "top_p": "top-p off: all stay" if p is None else f"top-p {p:g}: {stay['top_p']:,} {of} stay",
        "probs": f"largest: {best!r}, {probability:.1%}",
        "drawn": drawn[1] or "nothing drawn yet",
        "random": f"seed {seed}, place {whole:,} of the text",
    }


def _some(tokens: Sequence[str]) -> str:
    """Write the first tokens and the last one.

    >>> _some(["a", "b", "c", "d"])
    "'a' 'b' … 'd'"
    """
    if len(tokens) <= ENDS + 1:
        return " ".join(map(repr, tokens))
    return " ".join([*map(repr, tokens[:ENDS]), "…", repr(tokens[-1])])
