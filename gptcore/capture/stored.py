"""The names of the tensors that a trace caches, and of all that can be read from it. No tensors here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Node
from gptcore.graph.ops import Axes


@cache
def nodes(config: GPTConfig) -> Mapping[str, Node]:
    """Return every node by its id."""
    return MappingProxyType({node.id: node for node in architecture(config).nodes})


@cache
def time_axes(config: GPTConfig) -> Mapping[str, int]:
    """Return the first T axis of each tensor: the one along which its rows lie."""
    return MappingProxyType({name: node.axes.index("T") for name, node in nodes(config).items()})


@cache
def everything(config: GPTConfig) -> frozenset[str]:
    """Return the names that a full trace caches."""
    return frozenset(name for name, node in nodes(config).items() if node.cached)


@cache
def modules(config: GPTConfig) -> tuple[str, ...]:
    """Return the modules whose outputs a full trace caches, in the order of the run."""
    tokens = architecture(config).named("tokens")
    return tuple(name for name, node in nodes(config).items() if node.cached and name != tokens)


@cache
def projections(config: GPTConfig) -> tuple[str, ...]:
    """Return, layer by layer, the tensor that queries, keys and values are cut from."""
    arch = architecture(config)
    return tuple(arch.named("joint projection", layer) for layer in range(config.n_layer))


@cache
def keys_values(config: GPTConfig) -> tuple[tuple[str, str], ...]:
    """Return, layer by layer, the names of the keys and of the values."""
    arch = architecture(config)
    return tuple((arch.named("key", layer), arch.named("value", layer)) for layer in range(config.n_layer))


def needs(config: GPTConfig, name: str) -> frozenset[str]:
    """Return the cached names that a tensor is read or derived from.

    >>> sorted(needs(GPTConfig.preset("nano-sort"), "transformer.h.0.attn.pattern"))
    ['transformer.h.0.attn.c_attn']
    """
    node = nodes(config)[name]
    return frozenset([name]) if node.cached else _needs_of_operands(config, name)


@cache
def _needs_of_operands(config: GPTConfig, name: str) -> frozenset[str]:
    return frozenset[str]().union(*(needs(config, operand) for operand in nodes(config)[name].operands))


def wanted(config: GPTConfig, chosen: Sequence[str] | None) -> frozenset[str]:
    """Return the names to cache, so that the chosen ones can be read and a longer trace can reuse them.

    For that each layer's keys and values are among them, where the tensor that they are cut from is not.

    Raises:
        KeyError: a name that is not in the map; it lists near ones.
    """
    if chosen is None:
        return everything(config)
    known = architecture(config).nodes
    found = {architecture(config).named("tokens")}
    for name in chosen:
        found |= needs(config, known[name].id)
    for projection, pair in zip(projections(config), keys_values(config), strict=True):
        if projection not in found:
            found |= {*pair}
    return frozenset(found)


@cache
def outputs(config: GPTConfig, cached: frozenset[str]) -> frozenset[str] | None:
    """Return the modules whose outputs a run has to keep until its end to cache these names; None for all of them."""
    if cached >= everything(config):
        return None
    pairs = zip(projections(config), keys_values(config), strict=True)
    return cached.union(projection for projection, pair in pairs if not cached.isdisjoint(pair))


@cache
def covers(config: GPTConfig, cached: frozenset[str], wanted: frozenset[str]) -> bool:
    """Return True where a trace that caches some names serves for others: keys and values may be cut from theirs."""
    pairs = zip(projections(config), keys_values(config), strict=True)
    cut = {name for projection, pair in pairs if projection in cached for name in pair}
    return wanted <= cached | cut


@cache
def available(config: GPTConfig, cached: frozenset[str]) -> Mapping[str, Axes]:
    """Return every name that can be read where these are cached, with its axes, in the order of the map."""
    found: dict[str, bool] = {}

    def readable(name: str) -> bool:
        if name not in found:
            operands = nodes(config)[name].operands
            found[name] = name in cached or (bool(operands) and all(map(readable, operands)))
        return found[name]

    return MappingProxyType({name: node.axes for name, node in nodes(config).items() if readable(name)})


@cache
def banks(config: GPTConfig, cached: frozenset[str]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return the T axes of the cached names in two groups: those that attention reads at each key, and all others."""
    read = {*projections(config), *(name for pair in keys_values(config) for name in pair)}
    return _axes(config, cached & read), _axes(config, cached - read)


def below(config: GPTConfig, layer: int) -> frozenset[str]:
    """Return the names that are made before block `layer` begins; all but the last norm and what reads it, for L."""
    return _below(config, layer)


@cache
def _below(config: GPTConfig, layer: int) -> frozenset[str]:
    arch = architecture(config)
    first = arch.named("residual in", layer) if layer < config.n_layer else arch.named("final norm")
    return everything(config).union(*keys_values(config)) - arch.downstream(first) - {first}


def _axes(config: GPTConfig, names: Iterable[str]) -> Mapping[str, int]:
    axes = time_axes(config)
    return MappingProxyType({name: axes[name] for name in names})
