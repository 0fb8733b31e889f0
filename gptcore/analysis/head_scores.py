"""Scores of attention heads: one number a head says how much it is of a known kind.

They are measured on sequences of random ids repeated once, in which only the repetition can be known. No text here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptcore.capture.capture import capture
from gptcore.graph.architecture import architecture
from gptcore.model import GPT

KINDS = {
    "previous": "attention to the token before",
    "induction": "attention to what came after this token the last time",
    "duplicate": "attention to the same token, the last time",
    "first": "attention to the first token",
}


def repeated(vocab_size: int, half: int, rows: int, seed: int = 0) -> Tensor:
    """Return random ids repeated once, (rows, 2 * half); no id is twice in a half, where there are enough of them."""
    generator = torch.Generator().manual_seed(seed)
    if vocab_size >= half:
        first = torch.rand(rows, vocab_size, generator=generator).argsort(dim=1)[:, :half]
    else:
        first = torch.randint(vocab_size, (rows, half), generator=generator)
    return torch.cat([first, first], dim=1)


def head_scores(model: GPT, *, rows: int = 16, half: int | None = None, seed: int = 0) -> dict[str, Tensor]:
    """Return for each kind in `KINDS` the mean attention that each head pays in this way, (L, H), from 0 to 1.

    "previous" and "first" are means over all queries but the first, the others over the queries of the second half.
    `half` is the length of what is repeated, by default half a context, at most 64.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads".

    Raises:
        ValueError: the model is in training mode, or a half does not fit twice into the context.

    >>> from gptcore.config import GPTConfig
    >>> config = GPTConfig(block_size=16, vocab_size=20, n_layer=2, n_head=2, n_embd=8)
    >>> scores = head_scores(GPT(config).eval())
    >>> sorted(scores), tuple(scores["induction"].shape)
    (['duplicate', 'first', 'induction', 'previous'], (2, 2))
    """
    config = model.config
    half = min(config.block_size // 2, 64) if half is None else half
    if not 2 <= 2 * half <= config.block_size:
        raise ValueError(f"half: {half} tokens twice do not fit into a context of {config.block_size}; take fewer")
    ids = repeated(config.vocab_size, half, rows, seed).to(model.lm_head.weight.device)
    arch = architecture(config)
    trace = capture(model, ids)
    found: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    for layer in range(config.n_layer):
        pattern = trace[arch.named("pattern", layer)]  # (B, H, T, T)
        found["previous"].append(_diagonal(pattern, 1)[..., :].mean(dim=(0, 2)))
        found["first"].append(pattern[:, :, 1:, 0].mean(dim=(0, 2)))
        found["duplicate"].append(_diagonal(pattern, half).mean(dim=(0, 2)))
        found["induction"].append(_diagonal(pattern, half - 1)[..., 1:].mean(dim=(0, 2)))
    return {kind: torch.stack(rows).float().cpu() for kind, rows in found.items()}


def _diagonal(pattern: Tensor, back: int) -> Tensor:
    """Return what each query gives to the key so many places back, (B, H, T - back)."""
    return pattern.diagonal(-back, dim1=-2, dim2=-1)
