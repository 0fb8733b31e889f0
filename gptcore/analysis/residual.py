"""The residual stream by depth: how long each state is, and how far each block turns it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.lens import lens_names
from gptcore.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class ResidualNorms:
    """Lengths and angles of the residual stream."""

    names: tuple[str, ...]
    """The tensors, from the embeddings to the last block's output, as in the logit lens."""
    norms: Float[Tensor, "rows B T"]
    """The Euclidean length of each state."""
    cosines: Float[Tensor, "_ B T"]
    """The cosine between each state and the next one, a row fewer than `names`."""
    to_last: Float[Tensor, "rows B T"]
    """The cosine between each state and the last one."""


def residual_norms(trace: Trace, mid: bool = False) -> ResidualNorms:
    """Return norms of the residual stream at each depth and position, and cosines between the depths.

    Args:
        trace: the run; also one with edits.
        mid: True adds, before each block's output, the stream between its attention and its MLP.

    Raises:
        KeyError: the trace was captured with names that do not give the residual stream.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = residual_norms(capture(model, [3, 1, 4]))
    >>> found.norms.shape, found.cosines.shape
    (torch.Size([3, 1, 3]), torch.Size([2, 1, 3]))
    """
    names = lens_names(trace.config, mid)
    states = torch.stack([trace[name] for name in names])  # (rows, B, T, C)
    states = states.to(torch.promote_types(states.dtype, torch.float32))
    return ResidualNorms(
        names,
        states.norm(dim=-1),
        F.cosine_similarity(states[:-1], states[1:], dim=-1),
        F.cosine_similarity(states, states[-1:].expand_as(states), dim=-1),
    )
