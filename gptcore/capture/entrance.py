"""The place at which a run under edits parts from the plain one: its first block, and the tensor that enters it."""

from __future__ import annotations

from gptcore.capture import stored
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture


def first_block(config: GPTConfig, name: str) -> int:
    """Return the first block that an edit of this tensor changes; 0 for what stands before them, L for what follows."""
    layer = stored.nodes(config)[name].layer
    if layer is not None:
        return layer
    arch = architecture(config)
    return config.n_layer if name in arch.downstream(arch.named("residual", config.n_layer - 1)) else 0


def entrance(config: GPTConfig, layer: int) -> str:
    """Return the tensor through which a run enters block `layer`, or the last norm."""
    arch = architecture(config)
    if layer < config.n_layer:
        return arch.named("residual in", layer)
    return arch.named("residual", config.n_layer - 1)
