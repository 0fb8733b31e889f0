"""Scores of pairs of heads, from their weights alone: how much one reads what an earlier one writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import head_weights
from gptcore.capture.models import Model

Reads = Literal["q", "k", "v"]
"""The input of a reading head that is meant: its queries, keys or values."""


@torch.no_grad()
def composition(model: Model, which: Reads, *, after: Callable[[], None] | None = None) -> Float[Tensor, "L H L H"]:
    """Return the composition score of each pair of heads, [writer's layer, head, reader's layer, head], from 0 to 1.

    With OV of the writer and QK or OV of the reader, it is the Frobenius norm of their product, divided by both norms:
    |OV QK| for "q", |OV QK.T| for "k", |OV OV'| for "v". It is 0 unless the reader's layer is above the writer's.
    By chance 1 / sqrt(C); see `chance.composition`. Weights are raw: programs that fold the layer norms get others.

    Cost: L (L - 1) / 2 products of (H D, C) with (C, H D); no (C, C) matrix is made. `after` is called after each layer
    of writers, for a caller who counts.

    Raises:
        ValueError: `which` is none of q, k, v.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> scores = composition(model, "k")
    >>> scores.shape, scores[1].max().item(), bool((scores[0, :, 1] > 0).all())
    (torch.Size([2, 2, 2, 2]), 0.0, True)
    """
    weights = head_weights(model)
    # |X @ M @ Y.T| is |R_x @ M @ R_y.T|, where X = Q_x R_x: the factors that are C wide shrink to D.
    left, right = {"q": (weights.q, weights.k), "k": (weights.k, weights.q), "v": (weights.v, weights.o.mT)}[
        _checked(which)
    ]
    reader = left @ _triangle(right).mT  # (L, H, C, D)
    writer = _triangle(weights.v) @ weights.o  # (L, H, D, C)
    norms = _norms(writer)[:, :, None, None] * _norms(reader)  # (L, H, L, H)
    return torch.where(
        norms > 0, _pairs(writer, reader, after).to(norms) / norms.clamp_min(torch.finfo(norms.dtype).tiny), 0
    )


@torch.no_grad()
def projection_kernel(
    model: Model, which: Reads, *, after: Callable[[], None] | None = None
) -> Float[Tensor, "L H L H"]:
    """Return how far the subspace a head writes to is the one another reads from, [writer's layer, head, reader's ...].

    It is |U.T V| squared (Frobenius), U and V orthonormal bases of the writer's W_O and the reader's W_Q, W_K or W_V:
    from 0, nothing in common, to D, the same subspace. It is 0 unless the reader's layer is above the writer's.
    By chance D * D / C; see `chance.projection_kernel`. `after` as in `composition`.

    Raises:
        ValueError: `which` is none of q, k, v.

    Source: arXiv 2601.10266, which finds known edges better by it than by composition.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> found = projection_kernel(model, "q")
    >>> found[1].max().item(), bool((found[0, :, 1] <= 2.0001).all())
    (0.0, True)
    """
    weights = head_weights(model)
    reader = torch.linalg.qr({"q": weights.q, "k": weights.k, "v": weights.v}[_checked(which)])[0]  # (L, H, C, D)
    writer = torch.linalg.qr(weights.o.mT)[0].mT  # (L, H, D, C), orthonormal rows
    return _pairs(writer, reader, after).square()


def _checked(which: str) -> str:
    if which not in get_args(Reads):
        raise ValueError(f"which must be one of {', '.join(get_args(Reads))}, got {which!r}")
    return which


def _triangle(wide: Float[Tensor, "L H C D"]) -> Float[Tensor, "L H D D"]:
    """Return R of the QR decomposition: for any M, |wide @ M| = |R @ M|."""
    return torch.linalg.qr(wide, mode="r")[1]


def _norms(matrices: Tensor) -> Float[Tensor, "L H"]:
    return matrices.flatten(-2).norm(dim=-1)


def _pairs(
    writer: Float[Tensor, "L H D C"], reader: Float[Tensor, "L H C D"], after: Callable[[], None] | None
) -> Float[Tensor, "L H L H"]:
    """Return the Frobenius norm of writer @ reader for each pair, 0 unless the reader's layer is above."""
    L, H, D, C = writer.shape
    found = writer.new_zeros(L, H, L, H)
    for layer in range(L - 1):
        read = reader[layer + 1 :].permute(2, 0, 1, 3).reshape(C, -1)  # (C, l * H * D)
        products = (writer[layer].reshape(H * D, C) @ read).view(H, D, -1, H, D)
        found[layer, :, layer + 1 :] = products.square().sum(dim=(1, 4)).sqrt()  # (H, l, H)
        if after is not None:
            after()
    return found
