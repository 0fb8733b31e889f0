"""The logit lens: what the model would predict if it stopped after the embeddings, or after any of its blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.capture.trace import Trace
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture


@dataclass(frozen=True, eq=False)
class LogitLens:
    """Logits read from the residual stream at each depth."""

    names: tuple[str, ...]
    """The tensors that the rows are read from, from the embeddings to the last block's output."""
    logits: Float[Tensor, "rows B t V"]
    """A row for each name; the last row is the run's own logits, bit for bit."""
    positions: range
    """The t positions that were read."""


def logit_lens(trace: Trace, positions: int | slice | None = None, mid: bool = False) -> LogitLens:
    """Read the residual stream at each depth as logits: the final norm with the state's own statistics, then `lm_head`.

    The rows are the stream as it enters block 0 (the embeddings) and as it leaves each block. The last row is the
    output, with all edits of the run; the other rows apply the norm's and the head's weights to the tensors of `names`,
    so that edits of the final norm or of the logits change the last row alone.

    Cost: one matrix product of (rows * B * t, C) with the head's (C, V), and the run's own logits.

    Args:
        trace: the run; also one with edits.
        positions: one position (-1 is the last), or a slice without a step; others are not computed. None for all T.
        mid: True adds, before each block's output, the stream between its attention and its MLP.

    Raises:
        ValueError: positions that are none of the T, or a slice with a step.
        KeyError: the trace was captured with names that do not give the residual stream.
        RuntimeError: the model's weights have changed since the run.

    Source: nostalgebraist 2020, "interpreting GPT: the logit lens". With the final state's statistics instead of the
    state's own it would be another quantity.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> lens = logit_lens(trace)
    >>> lens.names
    ('transformer.h.0.resid_pre', 'transformer.h.0.resid_post', 'transformer.h.1.resid_post')
    >>> lens.logits.shape, lens.logits[-1].equal(trace.logits)
    (torch.Size([3, 1, 3, 5]), True)
    >>> logit_lens(trace, positions=-1, mid=True).logits.shape
    torch.Size([5, 1, 1, 5])
    """
    chosen = positions_of(positions, trace.T)
    names = lens_names(trace.config, mid)
    states = torch.stack([trace.rows(name, chosen.start, chosen.stop) for name in names])  # (rows, B, t, C)
    logits = trace.unembedded(states)  # (rows, B, t, V)
    logits[-1] = trace.rows(architecture(trace.config).named("logits"), chosen.start, chosen.stop)
    return LogitLens(names, logits, chosen)


def lens_names(config: GPTConfig, mid: bool = False) -> tuple[str, ...]:
    """Return the tensors that the lens reads, first to last.

    >>> lens_names(GPTConfig.preset("gpt2"), mid=True)[:3]
    ('transformer.h.0.resid_pre', 'transformer.h.0.resid_mid', 'transformer.h.0.resid_post')
    """
    arch = architecture(config)
    names = [arch.named("residual in", 0)]
    for layer in range(config.n_layer):
        names += [arch.named("residual between", layer)] if mid else []
        names.append(arch.named("residual", layer))
    return tuple(names)


def positions_of(positions: int | slice | None, T: int) -> range:
    """Return the positions that are asked for, of which there is one at least."""
    if isinstance(positions, int) and not isinstance(positions, bool):
        found = range(T)[positions : positions + 1 or None]
    elif positions is None or isinstance(positions, slice):
        found = range(T)[positions or slice(None)]
    else:
        raise ValueError(f"positions must be an int, a slice or None, got {positions!r}; take -1 for the last one")
    if found.step != 1:
        raise ValueError(f"positions must follow each other, got {positions!r}; take a slice without a step")
    if not found:
        raise ValueError(f"positions={positions!r} chooses none of the {T} positions; take one of -{T} to {T - 1}")
    return found
