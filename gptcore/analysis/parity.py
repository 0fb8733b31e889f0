"""A check of a model's numbers: the same prompt once more, by another path through the code.

What is shown comes from fused attention on a trace that grew key by key; here every head is computed by itself, with
an explicit mask, over the whole prompt at once. Both read the same weights.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.teaching_attention import TeachingAttention
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.model import GPT
from gptcore.skip_init import Unfilled


@torch.no_grad()
def teaching_logits(model: GPT, idx: Tensor) -> Float[Tensor, "B 1 V"]:
    """Return the last position's logits, each head of each layer computed by `TeachingAttention`. `idx` is (B, T)."""
    x = model.transformer.wte(idx) + model.transformer.wpe(torch.arange(idx.size(1), device=idx.device))  # (B, T, C)
    for block in model.transformer.h:
        with Unfilled():
            attention = TeachingAttention(block.attn)
        x = x + attention(block.ln_1(x))  # (B, T, C)
        x = x + block.mlp(block.ln_2(x))  # (B, T, C)
    return model.lm_head(model.transformer.ln_f(x[:, [-1]]))


def parity(model: GPT, trace: Trace) -> float:
    """Return the largest difference between a trace's last logits and those of the teaching pass over the same ids.

    Of the size of the precision's rounding where all is well; NaN where either has a NaN.

    >>> from gptcore import GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> parity(model, capture(model, [3, 1, 4])) < 1e-6
    True
    """
    shown = trace.rows(architecture(model.config).named("logits"), trace.T - 1, trace.T)  # (B, 1, V)
    return (shown - teaching_logits(model, trace.ids)).abs().max().item()
