"""A lens over all positions as a table: at each depth and position the likeliest tokens, and how the true one fares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gptcore.analysis.head_weights import wide
from gptcore.analysis.jacobian_lens import JacobianLens
from gptcore.analysis.lens import lens_names, logit_lens
from gptcore.analysis.patching import Progress
from gptcore.capture.trace import Trace

AT_ONCE = 4_000_000
"""Logits that are in memory at once: those of all positions of a large model would take half a gigabyte."""


@dataclass(frozen=True, eq=False)
class LensTable:
    """The tokens that would be said at each depth and position. Where none was read, numbers are NaN and ids -1."""

    names: tuple[str, ...]
    """The tensors that the rows are read from, from the embeddings to the last block's output."""
    ids: Int[Tensor, "rows T k"]
    """The likeliest tokens, best first."""
    probabilities: Float[Tensor, "rows T k"]
    """Their probabilities."""
    next_probability: Float[Tensor, "rows T"]
    """The probability of the token that does follow in the prompt; NaN at the last position, where none does."""
    next_rank: Int[Tensor, "rows T"]
    """Its place among all tokens, 1 is the likeliest; -1 where there is none."""
    entropy: Float[Tensor, "rows T"]
    """The entropy of the distribution, in nats."""


@torch.no_grad()
def lens_table(
    trace: Trace,
    lens: JacobianLens | None = None,
    count: int = 10,
    row: int = 0,
    *,
    progress: Progress | None = None,
) -> LensTable:
    """Read a lens at each depth and position, and keep what a table of it shows.

    The probabilities are the softmax of the lens' logits; see `logit_lens`, or `jacobian_lens`.

    Cost: rows * T products of a state with the head's (C, V).

    Args:
        trace: the run; also one with edits.
        lens: what `jacobian_lens` has returned; None for the logit lens.
        count: how many of the likeliest tokens are kept.
        row: the sequence of the batch.
        progress: called before each batch of positions, and at the end, with the positions that are done and all.
            Where it returns False the reading stops.

    Raises:
        ValueError: a row that is not there, or a count below 1.
        KeyError, RuntimeError: as `logit_lens`.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> table = lens_table(capture(model, [3, 1, 4]), count=2)
    >>> table.ids.shape, table.next_rank.shape, table.next_rank[:, -1].tolist()
    (torch.Size([3, 3, 2]), torch.Size([3, 3]), [-1, -1, -1])
    """
    if not 0 <= row < trace.B:
        raise ValueError(f"row must be from 0 to {trace.B - 1}, got {row}; the run has {trace.B} sequences")
    if count < 1:
        raise ValueError(f"count must be 1 at least, got {count}; take 10")
    names, T, V = lens_names(trace.config), trace.T, trace.config.vocab_size
    shape, k = (len(names), T), min(count, V)
    table = LensTable(
        names,
        torch.full((*shape, k), -1),
        torch.full((*shape, k), torch.nan),
        torch.full(shape, torch.nan),
        torch.full(shape, -1),
        torch.full(shape, torch.nan),
    )
    step = max(1, AT_ONCE // (len(names) * trace.B * V))
    for start in range(0, T, step):
        if progress is not None and progress(start, T) is False:
            return table
        stop = min(T, start + step)
        place = slice(start, stop)
        read = logit_lens(trace, place) if lens is None else lens.read(trace, place)
        _write(table, wide(read.logits[:, row]).log_softmax(-1), trace.ids[row, start + 1 : stop + 1], place)
    if progress is not None:
        progress(T, T)
    return table


def _write(table: LensTable, logs: Float[Tensor, "rows t V"], following: Int[Tensor, " f"], place: slice) -> None:
    """Write some positions into the table; the last of all has no token that follows."""
    best = logs.topk(table.ids.size(-1))
    table.ids[:, place], table.probabilities[:, place] = best.indices.cpu(), best.values.exp().cpu()
    table.entropy[:, place] = -torch.special.xlogy(logs.exp(), logs.exp()).sum(-1).cpu()
    there = slice(place.start, place.start + len(following))
    known = logs[:, : len(following)]
    true = known.gather(-1, following.expand(len(logs), -1)[..., None])  # (rows, f, 1)
    table.next_probability[:, there] = true[..., 0].exp().cpu()
    table.next_rank[:, there] = (known > true).sum(-1).cpu() + 1
