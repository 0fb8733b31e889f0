"""A check that the masks which minGPT, and nanoGPT without fused attention, store among the weights are causal.

This file knows single tensors and the facts of a file; the sandbox process checks the masks and drops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

ELEMENTS_AT_ONCE = 2**20
"""Number of elements compared at a time, so that a mask of any size takes no more memory than this."""


def is_causal(mask: object) -> bool:
    """Return True for ones on and below the diagonal and zeros above: shape (1, 1, T, T), any real dtype.

    >>> is_causal(torch.ones(1, 1, 3, 3).tril()), is_causal(torch.ones(1, 1, 3, 3)), is_causal(torch.ones(3))
    (True, False, False)
    """
    if not isinstance(mask, Tensor) or mask.layout is not torch.strided or mask.is_meta or mask.is_quantized:
        return False
    T = mask.size(-1) if mask.dim() == 4 else 0
    if T == 0 or mask.shape != (1, 1, T, T) or mask.is_complex() or mask.nbytes > mask.untyped_storage().nbytes():
        return False
    rows = max(1, ELEMENTS_AT_ONCE // T)
    return all(
        torch.equal(mask[0, 0, i : i + rows].float(), torch.ones(min(rows, T - i), T).tril(diagonal=i))
        for i in range(0, T, rows)
    )


def refuse_other_attention(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise CheckpointError if a stored mask is not causal: each position must see itself and all before it, only."""
    if odd := facts["not_causal"]:
        raise CheckpointError(
            f"{path} stores attention masks other than ones on and below the diagonal, zeros above, (1, 1, T, T) "
            f"({first_five(odd)}): its attention is not causal, so its numbers would be wrong here; load a model with "
            "causal attention"
        )
