"""Scores of heads that only some vocabularies allow: lists that have an order, and letters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import head_weights, unembedding
from gptcore.capture.capture import capture
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

VOWELS = frozenset("aeiou")


@torch.no_grad()
def successor(model: Model, lists: Sequence[Sequence[int]]) -> Float[Tensor, "L H"] | None:
    """Return the share of tokens whose successor a head raises most, among the tokens of its list; None without lists.

    The head reads the state behind block 0 of the token alone (its embedding at position 0 went through that block's
    MLP), raw, without a norm; OV then W_U give the logits, of which those of the list are compared. Every token but a
    list's last one counts. By chance 1 / the length of a list.

    Args:
        model: a model or checkpoint, in eval mode.
        lists: ids of things in their order, such as numbers, days or letters, each a single token; only lists of two
            and more. No such tokens: not applicable.

    Raises:
        ValueError: a list of fewer than two ids, or an id beyond the vocabulary.

    Source: Gould et al. 2023, "Successor Heads: Recurring, Interpretable Attention Heads In The Wild".

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=9, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> successor(model, [[0, 1, 2, 3]]).shape, successor(model, [])
    (torch.Size([2, 2]), None)
    """
    if not lists:
        return None
    if short := [each for each in lists if len(each) < 2]:
        raise ValueError(f"a list needs two ids at least, for one to follow, got {list(short[0])}; leave it out")
    gpt, weights = model_of(model), head_weights(model)
    w_u, name = unembedding(gpt), architecture(gpt.config).named("residual", 0)
    right, asked = torch.zeros(weights.v.shape[:2]), 0
    for ids in lists:
        states = capture(gpt, [[token] for token in ids[:-1]])[name][:, 0].to(w_u)  # (n - 1, C)
        written = (states @ weights.v) @ weights.o  # (L, H, n - 1, C)
        best = (written @ w_u[:, list(ids)]).argmax(-1).cpu()  # (L, H, n - 1)
        right += (best == torch.arange(1, len(ids))).sum(-1)
        asked += len(ids) - 1
    return right / asked


def letter_scores(trace: Trace, letters: Sequence[str]) -> dict[str, Float[Tensor, "L H"]]:
    """Return scores of heads for a run over characters: the mean attention to certain earlier ones, NaN if never there.

    "last space": the attention to the last space before a query, which is where its word starts. "same class": the
    attention to the last earlier character of the query's class: a vowel (aeiou), another letter, a digit, white space
    or anything else. Both over the queries that have such a key, of the first sequence.

    Args:
        trace: a run of a model whose tokens are characters.
        letters: the character of each token of the run's first sequence.

    Raises:
        ValueError: not one character for each position: not applicable.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> scores = letter_scores(capture(model, [3, 1, 4, 1]), "a be")
    >>> sorted(scores), scores["last space"].shape
    (['last space', 'same class'], torch.Size([2, 2]))
    """
    if len(letters) != trace.T or any(len(letter) != 1 for letter in letters):
        raise ValueError(
            f"letters must be one character for each of the {trace.T} positions, got {len(letters)}; these scores are "
            "for tokenizers of characters alone"
        )
    last: dict[str, int] = {}
    pairs: dict[str, list[tuple[int, int]]] = {"last space": [], "same class": []}
    for query, letter in enumerate(letters):
        kind = class_of(letter)
        if "space" in last:
            pairs["last space"].append((query, last["space"]))
        if kind in last:
            pairs["same class"].append((query, last[kind]))
        last[kind] = query
    arch, found = architecture(trace.config), {}
    patterns = [trace[arch.named("pattern", layer)][0].float().cpu() for layer in range(trace.config.n_layer)]
    for name, places in pairs.items():
        queries, keys = [query for query, _ in places], [key for _, key in places]
        found[name] = torch.stack([pattern[:, queries, keys].mean(-1) for pattern in patterns])
    return found


def class_of(letter: str) -> str:
    """Return the class of a character.

    >>> [class_of(letter) for letter in "E t7!"]
    ['vowel', 'space', 'letter', 'digit', 'other']
    """
    if letter.isspace():
        return "space"
    if letter.isdigit():
        return "digit"
    if letter.isalpha():
        return "vowel" if letter.lower() in VOWELS else "letter"
    return "other"
