"""The weights of attention head by head: views of the model's own, raw, nothing folded into them. No run here."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.capture.models import Model, model_of
from gptcore.model import GPT


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """The four matrices of every head, for row vectors: q = x @ q[l, h] and what it writes is z @ o[l, h].

    OV of a head is v[l, h] @ o[l, h], and QK is q[l, h] @ k[l, h].T, both (C, C) of rank D: keep them in two factors.
    """

    q: Float[Tensor, "L H C D"]
    k: Float[Tensor, "L H C D"]
    v: Float[Tensor, "L H C D"]
    o: Float[Tensor, "L H D C"]


@torch.no_grad()
def head_weights(model: Model) -> HeadWeights:
    """Return the weights of all heads, in float32 at least; biases are left out.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".

    >>> from gptcore import GPTConfig
    >>> weights = head_weights(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)))
    >>> weights.q.shape, weights.o.shape
    (torch.Size([2, 2, 4, 2]), torch.Size([2, 2, 2, 4]))
    """
    gpt = model_of(model)
    H, C = gpt.config.n_head, gpt.config.n_embd
    blocks = [block.attn for block in gpt.transformer.h]
    joint = wide(torch.stack([attn.c_attn.weight for attn in blocks]))  # (L, 3C, C), rows are what is made
    q, k, v = joint.reshape(len(blocks), 3, H, C // H, C).transpose(-1, -2).unbind(1)  # (L, H, C, D) each
    out = wide(torch.stack([attn.c_proj.weight.T for attn in blocks]))  # (L, C, C), columns are what is written
    return HeadWeights(q, k, v, out.reshape(len(blocks), H, C // H, C))


def unembedding(model: GPT) -> Float[Tensor, "C V"]:
    """Return W_U, the head's weight for row vectors, in float32 at least."""
    return wide(model.lm_head.weight).T


def embedding(model: GPT) -> Float[Tensor, "V C"]:
    """Return W_E, the token embedding, in float32 at least."""
    return wide(model.transformer.wte.weight)


def wide(weight: Tensor) -> Tensor:
    """Return a weight detached, in float32 at least: factorisations know no half precision."""
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
