"""The names of a run's tensors: which are held, which are the same tensor under another name, which are derived.

Every name is one of the map's (`gptcore.graph.architecture`). `{i}` is the layer.
"""

from __future__ import annotations

import re

EMBED = "transformer.embed"
LN_F = "transformer.ln_f"
LOGITS, PROBS, LOSS, IDX = "lm_head", "probs", "loss", "idx"

HELD_IN_BLOCK = (
    "ln_1",
    "attn.c_attn",
    "attn.z",
    "attn.c_proj",
    "resid_mid",
    "ln_2",
    "mlp.c_fc",
    "mlp.gelu",
    "mlp.c_proj",
    "resid_post",
)
"""What a trace keeps of each block. Q, K and V are thirds of `attn.c_attn`."""
HELD_IN_MODEL = (IDX, "transformer.wte", "transformer.wpe", EMBED, LN_F)

SAME_IN_BLOCK = {
    "": "resid_post",
    "attn": "attn.c_proj",  # a container's output is that of its last node
    "attn.sdpa": "attn.z",
    "attn.resid_dropout": "attn.c_proj",  # dropout in eval mode is the identity
    "attn.attn_dropout": "attn.pattern",
    "mlp": "mlp.c_proj",
    "mlp.dropout": "mlp.c_proj",
}
THIRDS = ("attn.q", "attn.k", "attn.v")
STAGES = ("attn.scores", "attn.scaled", "attn.masked", "attn.pattern")
FROM_QKV = (*THIRDS, "attn.k_t", *STAGES)

_IN_BLOCK = re.compile(r"transformer\.h\.(\d+)(?:\.(.+))?")


def block(layer: int, inside: str = "") -> str:
    """The name of a tensor of one block.

    >>> block(2, "attn.z")
    'transformer.h.2.attn.z'
    """
    return f"transformer.h.{layer}.{inside}" if inside else f"transformer.h.{layer}"


def split(name: str) -> tuple[int | None, str]:
    """A name's layer, and the rest of it.

    >>> split("transformer.h.2.attn.z"), split("lm_head")
    ((2, 'attn.z'), (None, 'lm_head'))
    """
    match = _IN_BLOCK.fullmatch(name)
    return (int(match[1]), match[2] or "") if match else (None, name)


def held(n_layer: int) -> list[str]:
    """The names that a full trace keeps, in the order of the run."""
    blocks = [block(layer, inside) for layer in range(n_layer) for inside in HELD_IN_BLOCK]
    return [*HELD_IN_MODEL[:-1], *blocks, LN_F]


def same_as(name: str, n_layer: int) -> str:
    """The name under which this tensor is held or derived: itself, or the one that is always equal to it.

    >>> same_as("transformer.h.1.resid_pre", n_layer=2)
    'transformer.h.0.resid_post'
    """
    layer, inside = split(name)
    if layer is None:
        return {"transformer.drop": EMBED, "transformer.h": block(n_layer - 1, "resid_post")}.get(name, name)
    if inside == "resid_pre":
        return EMBED if layer == 0 else block(layer - 1, "resid_post")
    return block(layer, SAME_IN_BLOCK.get(inside, inside))


def needs(name: str, n_layer: int) -> tuple[str, ...]:
    """The held names that a tensor is read or derived from.

    >>> needs("transformer.h.0.attn.pattern", n_layer=2)
    ('transformer.h.0.attn.c_attn',)
    """
    name = same_as(name, n_layer)
    layer, inside = split(name)
    if layer is None:
        return {LOGITS: (LN_F,), PROBS: (LN_F,), LOSS: (LN_F, IDX)}.get(name, (name,))
    if inside in FROM_QKV:
        return (block(layer, "attn.c_attn"),)
    return (block(layer, "attn.z"),) if inside == "attn.concat" else (name,)
