"""Text that a model writes itself: a text that every checkpoint has, for what is averaged over a text."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from gptcore.capture.models import Model, model_of

SEQUENCES, TOKENS = 8, 64
"""The usual size, (B, T)."""


@torch.no_grad()
def own_text(model: Model, sequences: int = SEQUENCES, length: int | None = None, seed: int = 0) -> Int[Tensor, "B T"]:
    """Return sequences that the model writes: a first token drawn uniformly, then each from the model's distribution.

    Args:
        model: a model or checkpoint, in eval mode.
        sequences: how many, B.
        length: tokens of each, T; None for 64, or the whole context where it is shorter.
        seed: the seed of the draws.

    Raises:
        ValueError: a length beyond the context, or numbers below 1.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=2, n_embd=4)).eval()
    >>> own_text(model, sequences=3).shape, own_text(model).equal(own_text(model))
    (torch.Size([3, 8]), True)
    """
    gpt = model_of(model)
    config, device = gpt.config, gpt.lm_head.weight.device
    length = min(TOKENS, config.block_size) if length is None else length
    if sequences < 1 or not 1 <= length <= config.block_size:
        raise ValueError(
            f"own_text writes 1 sequence at least, of 1 to {config.block_size} tokens (block_size); got {sequences} "
            f"of {length}"
        )
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(config.vocab_size, (sequences, 1), generator=generator).to(device)
    while ids.size(1) < length:
        chances = gpt(ids)[0][:, -1].double().softmax(-1).cpu()  # (B, V)
        ids = torch.cat([ids, torch.multinomial(chances, 1, generator=generator).to(device)], dim=1)
    return ids
