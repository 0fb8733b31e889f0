"""Scores of copying: what a head writes when it looks at a token, from its weights alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import embedding, head_weights, unembedding
from gptcore.capture.models import Model, model_of

FREQUENT = 2000
"""The number of tokens that `ov_top1` looks at by default: the first ids, which are the frequent ones in a vocabulary
of byte pairs, as it was learnt in that order."""
ROWS = 256
"""The number of tokens whose logits are in memory at a time."""


@torch.no_grad()
def copying(model: Model, through_vocabulary: bool = False) -> Float[Tensor, "L H"]:
    """Return the copying score of each head, from -1 (turns what it reads around) to 1 (copies it).

    It is Re(sum of l) / sum of |l| over the eigenvalues l of OV = W_V W_O, which are those of the (D, D) product
    W_O W_V and zeros. By chance 0; see `chance.copying`. It is NaN for weights that are infinite or NaN.

    Args:
        model: a model or checkpoint; weights are raw.
        through_vocabulary: take W_E OV W_U, (V, V), instead: from a token read to the logits written. Its eigenvalues
            are those of the (D, D) product W_O W_U W_E W_V.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> copying(model).shape, bool((copying(model, through_vocabulary=True).abs() <= 1).all())
    (torch.Size([2, 2]), True)
    """
    gpt, weights = model_of(model), head_weights(model)
    read = weights.v
    if through_vocabulary:
        read = (unembedding(gpt) @ embedding(gpt)) @ read  # (C, C) @ (L, H, C, D)
    product = (weights.o @ read).double()  # (L, H, D, D)
    known = product.isfinite().all(-1).all(-1)
    # LAPACK may end the whole process at a matrix that holds no numbers.
    found = torch.linalg.eigvals(torch.where(known[..., None, None], product, 0))  # (L, H, D)
    size = found.abs().sum(-1)
    score = torch.where(size > 0, found.real.sum(-1) / size.clamp_min(torch.finfo(torch.float64).tiny), 0)
    return torch.where(known, score, torch.nan).to(weights.v.dtype)


@torch.no_grad()
def ov_top1(
    model: Model, tokens: Sequence[int] | None = None, *, after: Callable[[], None] | None = None
) -> Float[Tensor, "L H"]:
    """Return for each head the share of tokens that it copies: their own logit is the largest of their row.

    The row of a token is that of W_E OV W_U, (V,): what the head adds to all logits when it reads this token, raw,
    without any norm. By chance 1 / V.

    Args:
        model: a model or checkpoint.
        tokens: the ids to look at; by default the first `FREQUENT` ones.
        after: called after each head, for a caller who counts.

    Raises:
        ValueError: no tokens, or ids beyond the vocabulary.

    Source: Elhage et al. 2021; the circuits of "Interpretability in the Wild" use such a share of copied names.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> ov_top1(model).shape
    torch.Size([2, 2])
    """
    gpt = model_of(model)
    V = gpt.config.vocab_size
    wanted = torch.tensor(list(range(min(V, FREQUENT)) if tokens is None else tokens), dtype=torch.long)
    if not len(wanted) or wanted.min() < 0 or wanted.max() >= V:
        raise ValueError(f"tokens must be ids from 0 to {V - 1}, at least one; got {wanted.tolist()[:8]}")
    weights, w_u = head_weights(gpt), unembedding(gpt)
    found = torch.zeros(weights.v.shape[:2])
    for layer, head in torch.cartesian_prod(*map(torch.arange, found.shape)).tolist():
        v, o, right = weights.v[layer, head], weights.o[layer, head], 0
        for ids in wanted.to(w_u.device).split(FREQUENT):
            values = embedding(gpt)[ids] @ v  # (t, D)
            # Most tokens lose against another of these already, which is little work; the rest is looked at in full.
            among = values @ (o @ w_u[:, ids])  # (t, t)
            left = ids[among.argmax(-1)] == ids
            right += _largest(values[left], o, w_u, ids[left])
        found[layer, head] = right / len(wanted)
        if after is not None:
            after()
    return found


def _largest(values: Tensor, o: Tensor, w_u: Tensor, ids: Tensor) -> int:
    """Return how many tokens have the largest logit of their row, (t, D) @ (D, C) @ (C, V)."""
    if len(values) < len(o):  # in the order that is less work
        return int(sum((((part @ o) @ w_u).argmax(-1) == of).sum() for part, of in _parts(values, ids)))
    write = o @ w_u  # (D, V)
    return int(sum(((part @ write).argmax(-1) == of).sum() for part, of in _parts(values, ids)))


def _parts(values: Tensor, ids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(values.split(ROWS), ids.split(ROWS), strict=True)
