"""Bars of a logit: what its parts add, by block, by head or by neuron. However few are shown, they add up to it.

No Streamlit, no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from gptcore import Architecture, LogitAttribution, Trace
from gptcore.analysis import neuron_attribution
from gptcore.analysis.attribution import REMAINDER

BY: Final = {"block": "by block", "head": "by head", "neuron": "by neuron"}
MOST: Final = 16
"""Bars of a picture by head or by neuron; all others are one bar together."""


@dataclass(frozen=True)
class Bar:
    """A summand."""

    label: str
    value: float
    """The part of the logit, or of the difference of two."""
    place: str = ""
    """The place on Explore: "head layer head", "neuron layer index" or "node name"; "" where it has none."""


def bars(found: LogitAttribution, run: Trace, arch: Architecture, by: str) -> list[Bar]:
    """Return the bars: of the blocks in the order of the run, of heads and neurons the largest first.

    Args:
        found: the attribution.
        run: the run that it is of.
        arch: the map of the model.
        by: a key of `BY`.
    """
    if by == "neuron":
        return _by_neuron(found, run, arch)
    if by == "block":
        return [_bar(name, None, None, value, arch) for name, value in found.by_block().items()]
    each = [_bar(part.name, part.head, part.layer, part.value, arch) for part in found.parts]
    return _largest(each, "parts")


def _bar(name: str, head: int | None, layer: int | None, value: float, arch: Architecture) -> Bar:
    """Return the bar of a part, by the tensor or the weight that it is named after."""
    if head is not None:
        return Bar(f"head {layer}.{head}", value, f"head {layer} {head}")
    if name == REMAINDER:
        return Bar("remainder: changes of the run", value)
    owner = arch.owner(name)
    if owner is None:
        node = arch.nodes[name]
        words = {"attention": "attention", "mlp": "MLP"}.get(node.role or "", node.label.lower())
        return Bar(words if node.layer is None else f"{words} {node.layer}", value, f"node {name}")
    if owner.layer is None:
        return Bar("constant: the final norm's bias", value, f"node {owner.id}")
    return Bar(f"bias of attention {owner.layer}", value, f"node {owner.id}")


def _by_neuron(found: LogitAttribution, run: Trace, arch: Architecture) -> list[Bar]:
    each = [
        neuron_attribution(run, layer, found.token, found.versus, found.position)
        for layer in range(arch.config.n_layer)
    ]
    added = torch.stack(each)  # (L, 4C)
    best = added.flatten().abs().topk(min(MOST, added.numel())).indices.tolist()
    places = [divmod(place, added.size(1)) for place in best]
    neurons = [
        Bar(f"neuron {layer}.{index}", added[layer, index].item(), f"neuron {layer} {index}") for layer, index in places
    ]
    mlps = sum(part.value for part in found.parts if part.layer is not None and part.head is None
               and arch.owner(part.name) is None)  # fmt: skip
    last = _bar(found.parts[-1].name, None, None, found.parts[-1].value, arch)
    ends = [last] if last.label.startswith(("constant", "remainder")) else []
    others = added.sum().item() - sum(bar.value for bar in neurons)
    rest = sum(part.value for part in found.parts) - mlps - sum(bar.value for bar in ends)
    return [
        *neurons,
        Bar(f"the other {added.numel() - len(neurons):,} neurons", others),
        Bar("biases of the MLPs' outputs", mlps - added.sum().item()),
        Bar("embeddings and attention", rest),
        *ends,
    ]


def _largest(each: Sequence[Bar], what: str) -> list[Bar]:
    """Return the largest bars by size, and all others as one."""
    ordered = sorted(each, key=lambda bar: -abs(bar.value))
    shown, others = ordered[:MOST], ordered[MOST:]
    if len(others) == 1:
        return ordered
    together = [Bar(f"the other {len(others):,} {what}", sum(bar.value for bar in others))] if others else []
    return [*shown, *together]
