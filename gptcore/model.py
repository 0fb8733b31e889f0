"""The whole GPT in one file, in nanoGPT's names, so that its state dict is nanoGPT's, key by key.

This file computes; it knows nothing of hooks, traces, tokenizers or drawings. Each `Tap` is an identity with a name:
it lets a forward hook see a tensor that no layer of its own makes, and adds no key to the state dict.

B batch, T sequence length, C embedding dimension, H heads, D = C // H, V vocabulary, L blocks.
Source: nanoGPT's `model.py`; Radford et al. 2019 (GPT-2); Vaswani et al. 2017 (attention).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gptcore.config import GPTConfig

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of earlier positions, each (B, H, t, D)."""


INIT_STD = 0.02
"""Standard deviation of the weights before training, as in GPT-2."""


class Tap(nn.Identity):
    """A tensor's name in the map: passes its input on, unchanged."""


def split_heads(x: Float[Tensor, "B T C"], n_head: int) -> Float[Tensor, "B H T D"]:
    """Return the C columns as H heads of D columns each; a view, no copy."""
    return x.view(x.size(0), x.size(1), n_head, -1).transpose(1, 2)


def merge_heads(z: Float[Tensor, "B H T D"]) -> Float[Tensor, "B T C"]:
    """Put the heads' D columns side by side again."""
    return z.transpose(1, 2).flatten(2)


def causal_mask(scaled: Float[Tensor, "B H t T"], start: int) -> Float[Tensor, "B H t T"]:
    """Hide the future: the query at position i sees the keys 0 to i, the rest is minus infinity.

    The rows are the queries of positions `start` to `start + t`.
    """
    if start + 1 >= scaled.size(-1):
        return scaled  # the last position sees all keys
    key = torch.arange(scaled.size(-1), device=scaled.device)  # (T,)
    future = key > key[start : start + scaled.size(-2), None]  # (t, T)
    return scaled.masked_fill(future, -math.inf)


def attend_to_past(q: Tensor, k: Tensor, v: Tensor, past: Sequence[KeysValues]) -> Float[Tensor, "B H t D"]:
    """Scaled dot-product attention of t new positions over earlier ones and themselves, stage by stage.

    Keys and values of all T positions may lie in several tensors, and are not copied together.
    """
    pieces = [*past, (k, v)]
    start = sum(old_k.size(-2) for old_k, _ in past)
    k_t = [keys.transpose(-2, -1) for keys, _ in pieces]  # (B, H, D, T), in pieces
    scores = torch.cat([q @ keys for keys in k_t], dim=-1)  # (B, H, t, T)
    scaled = scores / math.sqrt(q.size(-1))  # (B, H, t, T)
    masked = causal_mask(scaled, start)  # (B, H, t, T)
    pattern = F.softmax(masked, dim=-1)  # (B, H, t, T), rows sum to 1
    parts = pattern.split([keys.size(-2) for keys, _ in pieces], dim=-1)
    z = parts[0] @ pieces[0][1]  # (B, H, t, D)
    for part, (_, values) in zip(parts[1:], pieces[1:], strict=True):
        z = z + part @ values
    return z


class CausalSelfAttention(nn.Module):
    """H heads of causal attention, all in one matrix product each way; fused unless there is a past."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.q, self.k, self.v, self.z = Tap(), Tap(), Tap(), Tap()
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T C"], past: Sequence[KeysValues] = ()) -> Float[Tensor, "B T C"]:
        C = x.size(-1)
        qkv = self.c_attn(x)  # (B, T, 3C)
        q, k, v = qkv.split(C, dim=2)  # (B, T, C) each
        q = self.q(split_heads(q, self.n_head))  # (B, H, T, D)
        k = self.k(split_heads(k, self.n_head))  # (B, H, T, D)
        v = self.v(split_heads(v, self.n_head))  # (B, H, T, D)
        if past:
            z = attend_to_past(q, k, v, past)
        else:
            dropout = self.attn_dropout.p if self.training else 0.0
            z = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        z = self.z(z)  # (B, H, T, D)
        concat = merge_heads(z)  # (B, T, C)
        return self.resid_dropout(self.c_proj(concat))


class MLP(nn.Module):
    """Each position by itself: up to 4C, through the GELU, back to C."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.gelu = nn.GELU(approximate="tanh" if config.activation == "gelu_tanh" else "none")
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        x = self.c_fc(x)  # (B, T, 4C)
        x = self.gelu(x)  # (B, T, 4C)
        x = self.c_proj(x)  # (B, T, C)
        return self.dropout(x)


class Block(nn.Module):
    """One layer: attention, then the MLP, each reading the residual stream and adding to it."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.resid_mid = Tap()
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon, bias=config.bias)
        self.mlp = MLP(config)
        self.resid_post = Tap()

    def forward(self, resid_pre: Float[Tensor, "B T C"], past: Sequence[KeysValues] = ()) -> Float[Tensor, "B T C"]:
        normed = self.ln_1(resid_pre)  # (B, T, C)
        attn = self.attn(normed, past)  # (B, T, C)
        resid_mid = self.resid_mid(resid_pre + attn)  # (B, T, C)
        normed = self.ln_2(resid_mid)  # (B, T, C)
        mlp = self.mlp(normed)  # (B, T, C)
        return self.resid_post(resid_mid + mlp)  # (B, T, C)


class GPT(nn.Module):
    """Token and position embeddings, L blocks, a final layer norm, and the head that scores the next token.

    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> logits, loss = model(torch.tensor([[1, 2, 3]]))
    >>> logits.shape  # of the last position: (B, 1, V)
    torch.Size([1, 1, 5])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer: Any = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "embed": Tap(),
                "drop": nn.Dropout(config.dropout),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon, bias=config.bias),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tie_weights:
            self.transformer["wte"].weight = self.lm_head.weight
        self.apply(self._init_weights)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):  # 2L of these add to the residual stream: keep its variance level
                nn.init.normal_(parameter, mean=0.0, std=INIT_STD / math.sqrt(2 * config.n_layer))

    @staticmethod
    def _init_weights(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, mean=0.0, std=INIT_STD)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(
        self,
        idx: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"] | None = None,
        past: Sequence[Sequence[KeysValues]] | None = None,
    ) -> tuple[Float[Tensor, "B _ V"], Tensor | None]:
        """Return the logits and, with targets, the mean cross-entropy in nats.

        With targets the logits are of all positions, (B, T, V); without, of the last alone, (B, 1, V).
        A target of -1 does not count. `past` gives each layer the keys and values of the positions before `idx`.
        """
        T = idx.size(1)
        start = sum(k.size(-2) for k, _ in past[0]) if past else 0
        if start + T > self.config.block_size:
            raise ValueError(
                f"this model sees at most {self.config.block_size} tokens (block_size), "
                f"got {start + T}; give it the last {self.config.block_size}"
            )
        wte = self.transformer.wte(idx)  # (B, T, C)
        wpe = self.transformer.wpe(torch.arange(start, start + T, device=idx.device))  # (T, C)
        x = self.transformer.embed(wte + wpe)  # (B, T, C)
        x = self.transformer.drop(x)  # (B, T, C)
        for i, block in enumerate(self.transformer.h):
            x = block(x, past[i] if past else ())  # (B, T, C)
        x = self.transformer.ln_f(x)  # (B, T, C)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None  # (B, 1, V)
        logits = self.lm_head(x)  # (B, T, V)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=-1)
        return logits, loss
