"""Layers with weights beside a tensor, found in the map: the one that writes it, and the norm it is read through."""

from __future__ import annotations

from functools import cache

from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture


@cache
def written_by(config: GPTConfig, name: str) -> str:
    """Return the last layer with weights that makes a tensor: an MLP's output is its down projection's.

    >>> written_by(GPTConfig.preset("gpt2"), "transformer.h.1.mlp")
    'transformer.h.1.mlp.c_proj'
    """
    nodes = architecture(config).nodes
    while not nodes[name].weights:
        name = nodes[name].operands[0]
    return name


@cache
def norm_before(config: GPTConfig, name: str) -> str:
    """Return the norm that the layer behind a tensor reads: ln_1 of queries, keys and values, ln_2 of an MLP's neurons.

    >>> norm_before(GPTConfig.preset("gpt2"), "transformer.h.1.mlp.gelu")
    'transformer.h.1.ln_2'
    """
    return architecture(config).nodes[written_by(config, name)].operands[0]
