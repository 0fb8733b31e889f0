"""Evaluation of a model on batches: mean loss, and for a task the share of right answers. This file writes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from gptcore.data import Source, TextSource
from gptcore.data.source import Split
from gptcore.data.task import NOT_ASKED
from gptcore.model import GPT
from gptcore.tokenizer import BPETokenizer, CharTokenizer
from gptcore.train.distributed import Job


@torch.no_grad()
def measure(
    model: GPT, source: Source, batches: Iterable[tuple[Tensor, Tensor]], autocast: torch.autocast, job: Job
) -> dict[str, float]:
    """Return `loss`, in nats per target; for a task also `accuracy`.

    Accuracy is the share, among the targets that the rule decides, of those that the model finds most probable. The
    processes of a job share the batches; each returns the result of all.
    """
    total = targets = right = decided = 0.0
    for x, y in islice(batches, job.rank, None, job.size):
        loss, logits = _run(model, x, y, autocast)
        asked = int((y != NOT_ASKED).sum())
        total, targets = total + loss * asked, targets + asked
        answers = source.answers(y)
        if answers is not None:
            right += int(((logits.argmax(-1).cpu() == y) & answers).sum())
            decided += int(answers.sum())
    total, targets, right, decided = job.sum([total, targets, right, decided])
    return {"loss": total / targets} | ({"accuracy": right / decided} if decided else {})


def whole_split(model: GPT, source: Source, split: Split) -> dict[str, float]:
    """Measure every target of a split, in float32; for a text of characters or byte pairs also `bits_per_byte`."""
    device = model.lm_head.weight.device
    found = measure(model, source, source.whole(split), torch.autocast(device.type, enabled=False), Job())
    if isinstance(source, TextSource) and isinstance(source.tokenizer, BPETokenizer | CharTokenizer):
        tokens = source.splits[split]
        found["bits_per_byte"] = found["loss"] * (len(tokens) - 1) / math.log(2) / told_bytes(source, split)
    return found


def told_bytes(source: TextSource, split: Split) -> int:
    """Return the number of bytes of a split's targets: all tokens except the first. An end of text has no bytes."""
    special = set(source.tokenizer.special.values()) if isinstance(source.tokenizer, BPETokenizer) else set()
    lengths = np.array(
        [0 if i in special else len(source.tokenizer.token_bytes(i)) for i in range(source.tokenizer.vocab_size)]
    )
    counts = np.bincount(source.splits[split][1:], minlength=len(lengths))
    return int(counts @ lengths)


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
