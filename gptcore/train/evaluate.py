"""How well a model does on batches: mean loss, and the share of right answers where a rule decides them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from gptcore.data import Source, TextSource
from gptcore.data.source import Split
from gptcore.data.tasks import NOT_ASKED
from gptcore.model import GPT


@torch.no_grad()
def measure(
    model: GPT, source: Source, batches: Iterable[tuple[Tensor, Tensor]], autocast: torch.autocast
) -> dict[str, float]:
    """`loss`, in nats per target; and `accuracy`, for a task: how many decided targets are the most probable token."""
    total, targets, right, decided = 0.0, 0, 0, 0
    for x, y in batches:
        loss, logits = _run(model, x, y, autocast)
        asked = int((y != NOT_ASKED).sum())
        total, targets = total + loss * asked, targets + asked
        answers = source.answers(y)
        if answers is not None:
            right += int(((logits.argmax(-1).cpu() == y) & answers).sum())
            decided += int(answers.sum())
    return {"loss": total / targets} | ({"accuracy": right / decided} if decided else {})


def whole_split(model: GPT, source: Source, split: Split) -> dict[str, float]:
    """The same on every target of a split, in float32; for a text also `bits_per_byte`."""
    device = model.lm_head.weight.device
    found = measure(model, source, source.whole(split), torch.autocast(device.type, enabled=False))
    if isinstance(source, TextSource):
        tokens = source.splits[split]
        found["bits_per_byte"] = found["loss"] * (len(tokens) - 1) / math.log(2) / text_bytes(source, split)
    return found


def text_bytes(source: TextSource, split: Split) -> int:
    """How many bytes of text the tokens of a split stand for; an end of text is none."""
    special = set(getattr(source.tokenizer, "special", {}).values())
    V = source.tokenizer.vocab_size
    lengths = np.array([0 if i in special else len(source.tokenizer.token_bytes(i)) for i in range(V)])
    return int(lengths[source.splits[split]].sum())


def _run(model: GPT, x: Tensor, y: Tensor, autocast: torch.autocast) -> tuple[float, Tensor]:
    device = model.lm_head.weight.device
    training = model.training
    model.eval()
    try:
        with autocast:
            logits, loss = model(x.to(device), y.to(device))
    finally:
        model.train(training)
    assert loss is not None
    return loss.item(), logits
