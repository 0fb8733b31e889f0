"""The token ids of a run: whether the model can take them, and how far two runs share them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gptcore.model import GPT

Ids = Sequence[int] | Sequence[Sequence[int]] | Tensor
"""Token ids: (T,) or (B, T)."""


def checked_ids(model: GPT, ids: Ids) -> Tensor:
    """Return the ids as (B, T) int64 on the model's device, for a run that gives the model's own numbers.

    Raises:
        ValueError: as `capture`.
    """
    config = model.config
    if model.training and config.dropout > 0:
        raise ValueError(
            f"the model is in training mode with dropout {config.dropout}, so each run would differ; "
            "call model.eval() first"
        )
    if isinstance(ids, str):
        raise ValueError("token ids are numbers, got a text; pass tokenizer.encode(text)")
    tokens = torch.as_tensor(ids)
    if tokens.numel() == 0:
        raise ValueError("no token ids: a run needs at least one; encode a text that is not empty")
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise ValueError(f"token ids must be integers, got {tokens.dtype}")
    if tokens.dim() not in (1, 2):
        raise ValueError(f"token ids must be a list, (T,) or (B, T), got the shape {tuple(tokens.shape)}")
    tokens = tokens.long().view(-1, tokens.size(-1))
    if tokens.size(1) > config.block_size:
        raise ValueError(
            f"{tokens.size(1)} tokens, and this model sees at most {config.block_size} (block_size); "
            f"pass the last ones, ids[-{config.block_size}:]"
        )
    low, high = (int(end) for end in tokens.aminmax())
    if low < 0 or high >= config.vocab_size:
        wrong = low if low < 0 else high
        raise ValueError(f"token id {wrong} is outside this model's vocabulary, 0 to {config.vocab_size - 1}")
    return tokens.to(model.lm_head.weight.device, copy=True)


def common_prefix(old: Tensor, new: Tensor) -> int:
    """Return how many positions, from the first, are the same in every row of (B, T)."""
    T = min(old.size(1), new.size(1))
    same = (old[:, :T] == new[:, :T]).all(dim=0)
    return int(same.long().cumprod(dim=0).sum())
