"""Transformers' GPT-2 written out in plain torch, so that any tensor of a run can be read and changed by name.

It shares no code with gptcore. The names are short: `emb`, `pre`, `q`, `k`, `v`, `scores`, `pattern`, `z`, `attn`,
`mid`, `hidden`, `mlp`, `post`, `final`; all but the first and the last come once a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Change = Callable[[str, int, Tensor], Tensor]
"""A function from a tensor's name, its layer and the tensor to the tensor that goes on."""


def norm(x: Tensor, layer: Any) -> Tensor:
    """Compute a layer norm by its definition."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def heads(theirs: Any, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return W_Q, W_K, W_V, (H, C, D) each, and W_O, (H, D, C)."""
    attn, H = theirs.transformer.h[layer].attn, theirs.config.n_head
    C = attn.c_proj.weight.size(0)
    D = C // H
    joint = attn.c_attn.weight.detach()  # (C, 3C)
    q, k, v = (
        torch.stack([joint[:, part * C + h * D : part * C + (h + 1) * D] for h in range(H)]) for part in range(3)
    )
    out = attn.c_proj.weight.detach()
    return q, k, v, torch.stack([out[h * D : (h + 1) * D] for h in range(H)])


def run(theirs: Any, ids: Tensor, change: Change = lambda name, layer, x: x) -> dict[tuple[str, int], Tensor]:
    """Return every tensor of a run, by name and layer, with the changes in it; the last is ("logits", -1)."""
    made: dict[tuple[str, int], Tensor] = {}

    def tell(name: str, layer: int, x: Tensor) -> Tensor:
        made[name, layer] = change(name, layer, x)
        return made[name, layer]

    trunk, H = theirs.transformer, theirs.config.n_head
    T = ids.size(1)
    x = tell("emb", -1, trunk.wte.weight[ids] + trunk.wpe.weight[:T])
    for i, block in enumerate(trunk.h):
        x = tell("pre", i, x)
        B, _, C = x.shape
        joint = norm(x, block.ln_1) @ block.attn.c_attn.weight + block.attn.c_attn.bias
        parts = (part.reshape(B, T, H, C // H).transpose(1, 2) for part in joint.split(C, dim=-1))
        q, k, v = (tell(name, i, part) for name, part in zip("qkv", parts, strict=True))
        scores = q @ k.transpose(-1, -2) / math.sqrt(C // H)
        scores = tell("scores", i, scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf))
        pattern = tell("pattern", i, scores.softmax(-1))
        z = tell("z", i, pattern @ v)
        joined = z.transpose(1, 2).reshape(B, T, C)
        attn = tell("attn", i, joined @ block.attn.c_proj.weight + block.attn.c_proj.bias)
        x = tell("mid", i, x + attn)
        hidden = norm(x, block.ln_2) @ block.mlp.c_fc.weight + block.mlp.c_fc.bias
        hidden = tell("hidden", i, block.mlp.act(hidden))
        x = tell("post", i, x + tell("mlp", i, hidden @ block.mlp.c_proj.weight + block.mlp.c_proj.bias))
    x = tell("final", -1, norm(x, trunk.ln_f))
    tell("logits", -1, x @ theirs.lm_head.weight.T)
    return made
