"""The Jacobian lens: what a state makes the model say, on average, by the slopes of the final residual stream.

The logit lens reads a state as if the blocks above did nothing; this one carries it through them first, linearly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gptcore.analysis.lens import LogitLens, lens_names, positions_of
from gptcore.analysis.own_text import own_text
from gptcore.analysis.patching import Progress
from gptcore.capture.exchanged import exchanged
from gptcore.capture.ids import Ids, checked_ids
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.model import GPT

SKIPPED = 16
"""Positions at the start of each sequence that do not count, at most: many heads rest on the first tokens."""
AT_ONCE = 256
"""Tokens of a backward pass: sequences that go together."""


@dataclass(frozen=True, eq=False)
class JacobianLens:
    """The average slopes of the final residual stream."""

    names: tuple[str, ...]
    """The tensors that the rows are for, from the embeddings to the last block's output, as in the logit lens."""
    jacobians: Float[Tensor, "rows C C"]
    """For each, how much channel i (first axis) of the final stream grows with its channel j. The last is the identity.

    NaN if it was stopped before the first sequence was done.
    """
    sequences: int
    """The sequences over which they are averaged."""
    skip: int
    """The positions at the start of each that do not count."""

    @torch.no_grad()
    def read(self, trace: Trace, positions: int | slice | None = None) -> LogitLens:
        """Read the residual stream at each depth as logits: J h, then the final norm of that with its own statistics,
        then `lm_head`. The last row is the run's own logits.

        Raises:
            ValueError: the run is of a model of another size.
            KeyError, RuntimeError: as `logit_lens`.
        """
        if lens_names(trace.config) != self.names or trace.config.n_embd != self.jacobians.size(-1):
            raise ValueError("this lens is of a model of another size; make one of the model that was run")
        chosen = positions_of(positions, trace.T)
        states = torch.stack([trace.rows(name, chosen.start, chosen.stop) for name in self.names])  # (rows, B, t, C)
        carried = torch.einsum("rbtc,rdc->rbtd", states, self.jacobians.to(states))
        logits = trace.unembedded(carried)  # (rows, B, t, V)
        logits[-1] = trace.rows(architecture(trace.config).named("logits"), chosen.start, chosen.stop)
        return LogitLens(self.names, logits, chosen)


def jacobian_lens(
    model: Model, ids: Ids | None = None, skip: int | None = None, *, progress: Progress | None = None
) -> JacobianLens:
    """Return, for each depth, the average Jacobian of the final residual stream with respect to the stream there.

    J = mean over sequences and positions p of the sum over positions p' >= p of d final[p'] / d state[p]: what a state
    does to its own position's prediction and, through attention, to all later ones. (Another definition takes p' = p
    alone, and gives other matrices.) `JacobianLens.read` makes a lens of it.

    Cost: C backward passes over each sequence.

    Args:
        model: a model or checkpoint, in eval mode.
        ids: the text, (T,) or (B, T); None for text that the model writes itself, see `own_text`.
        skip: positions at the start of each sequence that do not count; None for 16, or a quarter of a shorter text.
        progress: called before each backward pass and at the end, with the passes that are done and all. Where it
            returns False no more are made, and the mean is that of the sequences that are done.

    Raises:
        ValueError: ids that the model cannot run, a skip that leaves none, a model in training mode, or one with
            another module in the place of one that the map shows.

    Source: Gurnee et al. 2026, "Verbalizable Representations Form a Global Workspace in Language Models" (J-lens).

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> lens = jacobian_lens(model, [3, 1, 4, 1])
    >>> lens.jacobians.shape, lens.jacobians[-1].allclose(torch.eye(4))
    (torch.Size([3, 4, 4]), True)
    >>> lens.read(capture(model, [3, 1, 4]), positions=-1).logits.shape
    torch.Size([3, 1, 1, 5])
    """
    gpt = model_of(model)
    if gpt.training:
        raise ValueError("the model is in training mode; call model.eval() first")
    if other := exchanged(gpt):
        raise ValueError(f"{other}, so the lens would not be of the model that the map shows; undo it")
    tokens = own_text(gpt) if ids is None else checked_ids(gpt, ids)
    T = tokens.size(1)
    skip = min(SKIPPED, T // 4) if skip is None else skip
    if not 0 <= skip < T:
        raise ValueError(f"skip must be from 0 to {T - 1}, got {skip}: of {T} positions one at least must count")
    C, names = gpt.config.n_embd, lens_names(gpt.config)
    groups = tokens.split(max(1, AT_ONCE // T))
    total: Tensor | None = None
    done, of, finished = 0, C * len(groups), 0
    for group in groups:
        states = _states(gpt, group)
        rows = []
        for channel in range(C):
            if progress is not None and progress(done, of) is False:
                return _mean(names, total, finished, skip, gpt)
            rows.append(_slopes(states, channel, skip))
            done += 1
        added = torch.stack(rows, dim=1)  # (rows, C, C)
        total = added if total is None else total + added
        finished += len(group)
    if progress is not None:
        progress(done, of)
    return _mean(names, total, finished, skip, gpt)


def _mean(names: tuple[str, ...], total: Tensor | None, count: int, skip: int, gpt: GPT) -> JacobianLens:
    C = gpt.config.n_embd
    jacobians = torch.full((len(names), C, C), torch.nan) if total is None else total / count
    return JacobianLens(names, jacobians, count, skip)


def _states(gpt: GPT, ids: Int[Tensor, "B T"]) -> list[Float[Tensor, "B T C"]]:
    """Run some sequences, and return the stream at each depth, each computed from the one before by autograd."""
    trunk = gpt.transformer
    with torch.inference_mode(False), torch.enable_grad():
        with torch.no_grad():
            positions = torch.arange(ids.size(1), device=ids.device)
            x = trunk.drop(trunk.embed(trunk.wte(ids) + trunk.wpe(positions)))  # (B, T, C)
        states = [x.clone().requires_grad_()]
        for block in trunk.h:
            states.append(block(states[-1]))  # (B, T, C)
    return states


def _slopes(states: list[Tensor], channel: int, skip: int) -> Float[Tensor, "rows C"]:
    """Return the row of each Jacobian for one channel of the final stream, averaged over positions, summed over B.

    The gradient at position p is that of the sum over all positions: those before p add nothing, as they do not see p.
    """
    with torch.inference_mode(False), torch.enable_grad():
        found = torch.autograd.grad(states[-1][..., channel].sum(), states, retain_graph=True)
    return torch.stack([each[:, skip:].mean(dim=1).sum(dim=0) for each in found])
