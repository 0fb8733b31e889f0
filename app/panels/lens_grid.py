"""The logit lens at all positions of a run, as a grid: a row for each depth, a column for each token. No Streamlit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gptcore import Trace
from gptcore.analysis.lens import lens_names, logit_lens

SHOWN = 3
"""Tokens that are told of each cell."""
AT_ONCE = 2**22
"""Logits that are held at a time: those of all positions of a large vocabulary would take a gigabyte."""


@dataclass(frozen=True, eq=False)
class LensGrid:
    """The most likely tokens at each depth and position."""

    names: tuple[str, ...]
    """The tensors of the rows, from the embeddings to the last block's output."""
    ids: Int[Tensor, "rows T k"]
    probabilities: Float[Tensor, "rows T k"]

    @property
    def top(self) -> Int[Tensor, "rows T"]:
        """The most likely token of each cell."""
        return self.ids[..., 0]

    def hint(self, row: int, position: int, label: Callable[[int], str]) -> str:
        """Return the tokens of a cell with their probabilities."""
        pairs = zip(self.ids[row, position].tolist(), self.probabilities[row, position].tolist(), strict=True)
        return ", ".join(f"{label(token)!r} {share:.1%}" for token, share in pairs)


def lens_grid(trace: Trace) -> LensGrid:
    """Read the residual stream of a run at each depth and position."""
    names = lens_names(trace.config)
    step = max(1, AT_ONCE // (len(names) * trace.config.vocab_size))
    found = []
    for start in range(0, trace.T, step):
        logits = logit_lens(trace, slice(start, min(trace.T, start + step))).logits[:, 0]  # (rows, t, V)
        found.append(logits.double().softmax(dim=-1).topk(min(SHOWN, logits.shape[-1])))
    ids, shares = torch.cat([each.indices for each in found], dim=1), torch.cat([each.values for each in found], dim=1)
    return LensGrid(names, ids.cpu(), shares.cpu())


def row_labels(names: tuple[str, ...]) -> list[str]:
    """Return what the rows are called: the embeddings, then each block.

    >>> row_labels(("transformer.h.0.resid_pre", "transformer.h.0.resid_post"))
    ['embed', 'block 0']
    """
    return ["embed", *(f"block {i}" for i in range(len(names) - 1))]
