"""The direct effect of edits on a logit: attribution of what they put in place, before anything behind them answers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from gptcore.analysis.attribution import direction_of, place_of, read_through
from gptcore.analysis.layers_of import written_by
from gptcore.capture.bound_edits import Bound, bound
from gptcore.capture.edits import Edit
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Role
from gptcore.graph.ops import Rows

PROJECTED: dict[Role, Role] = {"weighted values": "attention", "mlp hidden": "mlp"}
"""Tensors that a projection adds to the stream, and the part of the block whose projection that is."""
ADDED: tuple[Role, ...] = ("attention", "mlp", "embedding", "residual in", "residual between", "residual")
"""Tensors that are added to the stream, or are the stream."""


@torch.no_grad()
def direct_effect(
    trace: Trace, edits: Iterable[Edit], token: int, versus: int | None = None, position: int = -1, row: int = 0
) -> float:
    """Return what attribution says that edits add to the logit of a token, or to its lead over another.

    Each edit is applied to its tensor as it is in the run, and the difference u that it makes at the position is read
    as any part of the stream is by `logit_attribution`, with the scale of the run as it is:
    ((u - mean(u)) / s * g) @ (W_U[:, token] - W_U[:, versus]). The effects of several edits are added up. A run under
    the edits tells the actual effect; later parts make the two differ.

    Args:
        trace: the run without the edits.
        edits: the edits: of a head's z, an attention, an MLP, its neurons, or the residual stream.
        token: the token that the logit is of.
        versus: the token whose logit is taken from it; None for the logit itself.
        position: the position that is read, negative ones from the end.
        row: the sequence of the batch.

    Raises:
        ValueError: an edit of a tensor that adds nothing to the stream by itself, such as a pattern or the queries;
            else as `logit_attribution`.

    Source: Wang et al. 2022, "Interpretability in the Wild" (direct effects).

    >>> from gptcore import GPT, GPTConfig, capture, logit_attribution
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> effect = direct_effect(trace, [Edit("transformer.h.0.attn.z", "zero", head=1)], token=2)
    >>> (part,) = [p for p in logit_attribution(trace, 2).parts if (p.layer, p.head) == (0, 1)]
    >>> abs(effect + part.value) < 1e-6
    True
    """
    at = place_of(trace, position, row)
    direction, _ = direction_of(trace, token, versus, at, row)
    made = bound(edits, trace.config, trace.B, trace.T, trace._model)
    return sum(_effect(trace, group, direction, at, row) for group in made.values())


def _effect(trace: Trace, group: tuple[Bound, ...], direction: Tensor, at: int, row: int) -> float:
    node, rows = group[0].node, Rows(at, at + 1)
    clean = changed = trace.rows(node.id, at, at + 1)
    for each in group:
        changed = each.apply(rows, changed, trace.T)
    difference = (changed - clean)[row].double()
    if node.role in PROJECTED:
        part = architecture(trace.config).named(PROJECTED[node.role], node.layer)
        read = read_through(trace, written_by(trace.config, part), direction)
        return (difference.reshape(-1) @ read).item()  # heads one after another, as they are joined
    if node.role in ADDED:
        return (difference.reshape(-1) @ direction).item()
    raise ValueError(
        f"{node.id} adds nothing to the residual stream by itself, so it has no direct effect; take a head's z, an "
        "attention, an MLP or its neurons, or the stream"
    )
