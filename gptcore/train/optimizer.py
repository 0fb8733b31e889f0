"""AdamW with nanoGPT's two groups of parameters, and the learning rate of a step. This file knows no data."""

from __future__ import annotations

import math

import torch

from gptcore.model import GPT
from gptcore.train.settings import Settings


def make_optimizer(model: GPT, settings: Settings, device: torch.device) -> torch.optim.AdamW:
    """Return an AdamW that decays matrices and embeddings, but not biases and layer norms.

    Source: nanoGPT's `configure_optimizers`.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    betas = (settings.beta1, settings.beta2)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=device.type in ("cpu", "cuda"))


def learning_rate(step: int, settings: Settings) -> float:
    """Return a step's rate: linear warm-up, then a cosine from the peak to the minimum at the last step.

    Steps count from 0.

    Source: nanoGPT's `get_lr`; Loshchilov and Hutter 2017 (SGDR).

    >>> from pathlib import Path
    >>> settings = Settings(out=Path("run"), steps=100, warmup_steps=10, learning_rate=1.0, min_learning_rate=0.1)
    >>> [round(learning_rate(step, settings), 2) for step in (0, 9, 10, 55, 100)]
    [0.09, 0.91, 1.0, 0.55, 0.1]
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / (settings.warmup_steps + 1)
    progress = min(1.0, (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps))
    share = 0.5 * (1.0 + math.cos(math.pi * progress))
    return settings.min_learning_rate + share * (settings.learning_rate - settings.min_learning_rate)
