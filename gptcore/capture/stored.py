"""What a trace of some names holds, and all that can be read from it. Names and axes only, no tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from gptcore.capture import names as naming
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture

Axes = tuple[str, ...]


@cache
def time_axes(config: GPTConfig) -> Mapping[str, int]:
    """Which axis of each held tensor is T."""
    nodes = architecture(config).nodes
    return MappingProxyType({name: nodes[name].axes.index("T") for name in naming.held(config.n_layer)})


@cache
def modules(config: GPTConfig) -> tuple[str, ...]:
    """The modules whose outputs a full trace holds."""
    return tuple(name for name in naming.held(config.n_layer) if name != naming.IDX)


@cache
def for_attention(config: GPTConfig) -> frozenset[str]:
    """What attention needs of earlier positions."""
    return frozenset(naming.block(layer, "attn.c_attn") for layer in range(config.n_layer))


def needed(config: GPTConfig, chosen: Sequence[str] | None) -> frozenset[str]:
    """The held names that the chosen ones need."""
    if chosen is None:
        return _everything(config)
    found, nodes = {naming.IDX}, architecture(config).nodes
    for name in chosen:
        found.update(naming.needs(nodes[name].id, config.n_layer))  # a KeyError lists near names
    return frozenset(found)


@cache
def _everything(config: GPTConfig) -> frozenset[str]:
    return frozenset(naming.held(config.n_layer))


@cache
def available(config: GPTConfig, wanted: frozenset[str]) -> Mapping[str, Axes]:
    """Every name that can be read where these are held, with its axes, in the order of the map."""
    arch = architecture(config)
    return MappingProxyType(
        {node.id: node.axes for node in arch.nodes if wanted.issuperset(naming.needs(node.id, config.n_layer))}
    )
