"""The loss of a model on a split: on some of its windows while training, on every token at the end."""

from __future__ import annotations

import torch
from torch import Tensor

from gptcore import data
from gptcore.model import GPT


@torch.no_grad()
def some_windows(model: GPT, tokens: Tensor, windows: int, batch_size: int, autocast: torch.autocast) -> float:
    """Mean loss in nats over windows spread evenly over the split: the same ones at every evaluation."""
    T = model.config.block_size
    starts = torch.linspace(0, len(tokens) - T - 1, windows).long().tolist()
    chosen = torch.stack([tokens[start : start + T + 1] for start in starts])
    losses = [_loss(model, batch[:, :-1], batch[:, 1:], autocast) * len(batch) for batch in chosen.split(batch_size)]
    return sum(losses) / windows


@torch.no_grad()
def whole_split(model: GPT, tokens: Tensor, batch_size: int = 16) -> float:
    """Mean loss in nats over every token of the split but its first, in windows side by side, in float32."""
    total = 0.0
    device = model.lm_head.weight.device
    for x, y in data.all_windows(tokens, model.config.block_size, batch_size):
        total += _loss(model, x, y, torch.autocast(device.type, enabled=False)) * y.numel()
    return total / (len(tokens) - 1)


def _loss(model: GPT, x: Tensor, y: Tensor, autocast: torch.autocast) -> float:
    device = model.lm_head.weight.device
    training = model.training
    model.eval()
    try:
        with autocast:
            _, loss = model(x.to(device), y.to(device))
    finally:
        model.train(training)
    assert loss is not None
    return loss.item()
