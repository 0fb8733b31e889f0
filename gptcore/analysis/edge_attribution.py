"""Edge attribution: through which later reader a head's change reaches the metric, estimated by one gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import head_weights, wide
from gptcore.analysis.layers_of import norm_before
from gptcore.analysis.patching import Metric, Pair
from gptcore.capture.gradients import gradients
from gptcore.capture.ids import Ids
from gptcore.capture.models import Model
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Role

INPUTS: dict[str, Role] = {"q": "query", "k": "key", "v": "value"}


@dataclass(frozen=True, eq=False)
class EdgeAttribution:
    """One head's edges to all that reads the residual stream behind it, on the scale of `attribution_patching`."""

    q: Float[Tensor, "L H"]
    """Through the queries of each head; 0 unless its layer is above the writer's. So for `k` and `v`."""
    k: Float[Tensor, "L H"]
    v: Float[Tensor, "L H"]
    mlp: Float[Tensor, " L"]
    """Through each MLP, from the writer's own layer up."""
    output: float
    """Straight to the logits."""

    @property
    def node(self) -> float:
        """The sum of all edges: the head's own score by `attribution_patching`."""
        return float(self.q.sum() + self.k.sum() + self.v.sum() + self.mlp.sum()) + self.output


@torch.no_grad()
def edge_attribution(
    model: Model, clean: Ids, corrupt: Ids, metric: Metric, writer: tuple[int, int]
) -> EdgeAttribution:
    """Split a head's score by attribution patching over the later parts that read what it writes.

    An edge is (what the head writes on the clean prompt - what it writes on the corrupt one), through the norm of the
    reader (its slope at the corrupt run), times the slope of the metric with the reader's input alone. To first order,
    as all of attribution patching: show `path_patching` beside it.

    Args:
        model: a model or checkpoint, in eval mode.
        clean: ids of the prompt that goes right, (T,) or (B, T).
        corrupt: as many ids, aligned token by token.
        metric: takes the logits of all positions, (B, T, V), and returns a tensor of one number, which has a gradient.
        writer: layer and head.

    Raises:
        ValueError: as `attribution_patching`; a head that is not there.

    Source: Syed et al. 2023, "Attribution Patching Outperforms Automated Circuit Discovery".

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> edges = edge_attribution(model, [3, 1, 4], [2, 1, 4], lambda logits: logits[0, -1, 4], writer=(0, 1))
    >>> edges.q.shape, edges.mlp.shape, edges.q[0].abs().max().item()
    (torch.Size([2, 2]), torch.Size([2]), 0.0)
    """
    pair = Pair.of(model, clean, corrupt, metric)
    run, config, (layer, head) = pair.corrupt, pair.corrupt.config, writer
    L, H = config.n_layer, config.n_head
    if not (0 <= layer < L and 0 <= head < H):
        raise ValueError(f"there is no head {layer}.{head}; choose a layer from 0 to {L - 1}, a head from 0 to {H - 1}")
    arch, weights = architecture(config), head_weights(pair.model)
    z = arch.named("weighted values", layer)
    written = wide(pair.clean[z][:, head] - run[z][:, head]) @ weights.o[layer, head]  # (B, T, C)
    above = range(layer + 1, L)
    inner = {i: norm_before(config, arch.named("mlp hidden", i)) for i in range(layer, L)}
    final = arch.named("final norm")
    names = [arch.named(role, i) for role in INPUTS.values() for i in above]
    slopes = gradients(pair.model, run.ids, metric, [*names, *inner.values(), final])  # type: ignore[arg-type]
    found = {which: torch.zeros(L, H, dtype=torch.float64) for which in INPUTS}
    mlp = torch.zeros(L, dtype=torch.float64)
    for i in above:
        norm = norm_before(config, arch.named("query", i))
        read = through_norm(run, norm, arch.named("residual in", i), written)[:, None]  # (B, 1, T, C)
        for which, role in INPUTS.items():
            change = read @ {"q": weights.q, "k": weights.k, "v": weights.v}[which][i]  # (B, H, T, D)
            found[which][i] = (change * slopes[arch.named(role, i)]).double().sum(dim=(0, 2, 3))
    for i, norm in inner.items():
        mlp[i] = (through_norm(run, norm, arch.named("residual between", i), written) * slopes[norm]).double().sum()
    output = (through_norm(run, final, arch.named("residual", L - 1), written) * slopes[final]).double().sum()
    scale = pair.of_clean - pair.of_corrupt
    return EdgeAttribution(
        found["q"] / scale, found["k"] / scale, found["v"] / scale, mlp / scale, float(output) / scale
    )


def through_norm(trace: Trace, norm: str, state: str, change: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
    """Return what a small change of a state becomes behind its layer norm, to first order."""
    x = wide(trace[state])
    scale = (x.var(-1, correction=0, keepdim=True) + trace.config.layer_norm_epsilon).sqrt()
    unit = (x - x.mean(-1, keepdim=True)) / scale
    moved = change - change.mean(-1, keepdim=True) - unit * (unit * change).mean(-1, keepdim=True)
    return moved / scale * wide(trace.weight(norm))
