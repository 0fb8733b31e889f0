"""A pattern weighted by what is read: how much each key really brings to each query."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.layers_of import written_by
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

AT_ONCE = 4_000_000
"""Weights that are summed up over heads at once."""


def value_weighted(trace: Trace, layer: int) -> Float[Tensor, "B H T T"]:
    """Return the length of what each key adds to each query, for each head: A[q, k] times the length of v_k W_O.

    The value v_k holds its bias; W_O is the head's part of the output projection. Added up over heads and keys, before
    the length is taken, these vectors and the projection's bias are the output of attention.

    Raises:
        IndexError: there is no such layer.

    Source: Kobayashi et al. 2020, "Attention is Not Only a Weight".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> value_weighted(capture(model, [3, 1, 4]), layer=1).shape
    torch.Size([1, 2, 3, 3])
    """
    pattern, written = _pattern_and_written(trace, layer)
    return pattern * written.norm(dim=-1)[:, :, None, :]


def value_weighted_layer(trace: Trace, layer: int) -> Float[Tensor, "B T T"]:
    """Return the length of what each key adds to each query through all heads of a layer together.

    The heads' vectors A[q, k] v_k W_O are added up before the length is taken: heads may cancel each other.

    Raises:
        IndexError: there is no such layer.

    Source: Kobayashi et al. 2020, "Attention is Not Only a Weight".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> bool((value_weighted_layer(trace, 1) <= value_weighted(trace, 1).sum(dim=1) + 1e-6).all())
    True
    """
    pattern, written = _pattern_and_written(trace, layer)
    step = max(1, AT_ONCE // (trace.B * trace.config.n_head * max(trace.T, trace.config.n_head)))
    pairs = zip(pattern.split(step, dim=-1), written.split(step, dim=-2), strict=True)
    return torch.cat([_together(*pair) for pair in pairs], dim=-1)


def _together(weights: Float[Tensor, "B H T k"], written: Float[Tensor, "B H k C"]) -> Float[Tensor, "B T k"]:
    """Return the length of each sum over heads, from the products of what they write: in float64, as heads cancel."""
    wide = written.double()
    products = torch.einsum("bhkc,bgkc->bkhg", wide, wide)  # all sums as vectors would be (B, T, k, C)
    by_key = weights.double().permute(0, 3, 2, 1)  # (B, k, T, H)
    return ((by_key @ products) * by_key).sum(-1).clamp_min(0).sqrt().to(weights.dtype).mT


def _pattern_and_written(trace: Trace, layer: int) -> tuple[Float[Tensor, "B H T T"], Float[Tensor, "B H T C"]]:
    """Return a layer's pattern, and what each head would write of each key's value."""
    config, arch = trace.config, architecture(trace.config)
    if not 0 <= layer < config.n_layer:
        raise IndexError(f"there is no layer {layer}; choose one from 0 to {config.n_layer - 1}")
    pattern, values = trace[arch.named("pattern", layer)], trace[arch.named("value", layer)]
    out = trace.weight(written_by(config, arch.named("attention", layer)))  # (C, C), rows are what is written
    heads = out.T.reshape(config.n_head, -1, config.n_embd)  # (H, D, C)
    return pattern, values @ heads.to(values)
