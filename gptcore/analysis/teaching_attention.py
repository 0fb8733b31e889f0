"""The attention of lectures: a linear layer each for the key, query and value of a head. It reads the same weights.

`parity.py` compares the two. This file knows the model, and no trace.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gptcore.model import CausalSelfAttention


class TeachingHead(nn.Module):
    """One head as lectures write it: its own key, query and value layers, an explicit mask, a weighted sum."""

    def __init__(self, n_embd: int, head_size: int, bias: bool) -> None:
        super().__init__()
        self.key = nn.Linear(n_embd, head_size, bias=bias)
        self.query = nn.Linear(n_embd, head_size, bias=bias)
        self.value = nn.Linear(n_embd, head_size, bias=bias)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T D"]:
        T = x.size(1)
        k = self.key(x)  # (B, T, D)
        q = self.query(x)  # (B, T, D)
        v = self.value(x)  # (B, T, D)
        wei = q @ k.transpose(-2, -1)  # (B, T, D) @ (B, D, T) -> (B, T, T)
        wei = wei * k.size(-1) ** -0.5  # (B, T, T)
        tril = torch.tril(torch.ones(T, T, device=x.device))  # (T, T), 1 where one may look
        wei = wei.masked_fill(tril == 0, float("-inf"))  # (B, T, T)
        wei = F.softmax(wei, dim=-1)  # (B, T, T), rows sum to 1
        return wei @ v  # (B, T, T) @ (B, T, D) -> (B, T, D)


class TeachingAttention(nn.Module):
    """The same attention as `CausalSelfAttention`, written to be read. A test holds the two equal.

    It leaves out the dropout, which changes nothing once a model is trained.

    Source: the lecture code of Karpathy's "Let's build GPT", with the heads of Vaswani et al. 2017.

    >>> from gptcore.config import GPTConfig
    >>> fused = CausalSelfAttention(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=2, n_embd=4))
    >>> x = torch.linspace(-1, 1, 12).view(1, 3, 4)
    >>> torch.allclose(TeachingAttention(fused)(x), fused(x), atol=1e-6)
    True
    """

    def __init__(self, fused: CausalSelfAttention) -> None:
        """Copy the weights of `fused`: rows h*D to (h+1)*D of its q, k and v thirds make head h."""
        super().__init__()
        C, bias = fused.c_proj.in_features, fused.c_attn.bias is not None
        self.heads = nn.ModuleList([TeachingHead(C, C // fused.n_head, bias) for _ in range(fused.n_head)])
        self.c_proj = nn.Linear(C, C, bias=bias)
        self.to(fused.c_attn.weight)  # the same device and precision
        self.load_state_dict(_split(fused))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        out = torch.cat([head(x) for head in self.heads], dim=-1)  # (B, T, C)
        return self.c_proj(out)  # (B, T, C)


def _split(fused: CausalSelfAttention) -> dict[str, Tensor]:
    """Return the weights of all heads at once as those of one head each."""
    state = {f"c_proj.{name}": tensor for name, tensor in fused.c_proj.state_dict().items()}
    for name, tensor in fused.c_attn.state_dict().items():  # weight (3C, C), bias (3C,)
        for layer, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            for h, rows in enumerate(third.chunk(fused.n_head)):
                state[f"heads.{h}.{layer}.{name}"] = rows
    return state
