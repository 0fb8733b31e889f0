"""Attention summed up over layers: how much of each token a position may have gathered, if heads only mixed tokens."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture


def rollout(trace: Trace, layers: int | None = None) -> Float[Tensor, "B T T"]:
    """Return attention rolled out: the product over layers, the last on the left, of 1/2 mean of the heads + 1/2 I.

    Rows are the positions that gather, columns the tokens that they gather from; each row adds up to 1. The half of I
    stands for the residual stream. Values and MLPs do not count, and in a causal model early tokens get more, as they
    can be read in every layer by all.

    Args:
        trace: the run; also one with edits.
        layers: the number of layers from the first; None for all.

    Raises:
        IndexError: there are not so many layers.

    Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> rolled = rollout(capture(model, [3, 1, 4]))
    >>> rolled.shape, rolled.sum(-1).allclose(torch.ones(1, 3))
    (torch.Size([1, 3, 3]), True)
    """
    L, arch = trace.config.n_layer, architecture(trace.config)
    if layers is not None and not 0 <= layers <= L:
        raise IndexError(f"there are no {layers} layers; choose from 0 to {L}")
    weight = trace.weight(arch.named("logits"))
    own = torch.eye(trace.T, dtype=weight.dtype, device=weight.device)  # (T, T)
    rolled = own.expand(trace.B, -1, -1).clone()
    for layer in range(L if layers is None else layers):
        heads = trace[arch.named("pattern", layer)].mean(dim=1)  # (B, T, T)
        rolled = (0.5 * heads.to(own) + 0.5 * own) @ rolled
    return rolled
