"""One run of a prompt, and all that the screen tells of it. It never changes: another prompt is another run.

No Streamlit; nothing of the place in the map where one looks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import torch

from app.components import NextToken
from app.panels import thumbnails
from gptcore import Checkpoint, Trace, architecture, capture
from gptcore.analysis.parity import parity

ROUNDING = 1e-4
"""Rounding error of float32 over the layers of a GPT, as a share of the largest logit."""


@dataclass(frozen=True)
class Parity:
    """The difference between the logits on the screen and those of another path through the code."""

    difference: float
    is_rounding: bool


@dataclass(frozen=True)
class Shown:
    """A prompt, the weights that it ran through, and what came of it."""

    checkpoint: Checkpoint
    text: str
    ids: list[int]
    """Token ids of the whole prompt. The model sees only the last `block_size`."""
    cropped: int
    trace: Trace
    thumbnails: thumbnails.Thumbnails
    milliseconds: float

    @classmethod
    def of(cls, checkpoint: Checkpoint, text: str, before: Shown | None = None) -> Shown:
        """Run the prompt. What is the same in `before`, a run of the same weights, is not computed again.

        Raises:
            ValueError: the tokenizer cannot read the text, or there is none.
        """
        ids = checkpoint.tokenizer.encode_marked(text)
        cropped = max(0, len(ids) - checkpoint.config.block_size)
        started = time.perf_counter()
        trace = capture(checkpoint.model, ids[cropped:], previous=before.trace if before else None)
        milliseconds = (time.perf_counter() - started) * 1e3
        pictures = thumbnails.update(before.thumbnails if before else None, trace)
        return cls(checkpoint, text, ids, cropped, trace, pictures, milliseconds)

    @property
    def counter(self) -> str:
        """The used part of the context, and the cost of the run."""
        return f"{len(self.ids)} / {self.checkpoint.config.block_size} tokens · {self.milliseconds:.0f} ms"

    @cached_property
    def tokens(self) -> list[str]:
        """The labels of the tokens that the model sees."""
        label = self.checkpoint.tokenizer.label
        return [label(index) for index in self.ids[self.cropped :]]

    def next_tokens(self, temperature: float, top_k: int) -> list[NextToken]:
        """Return the most likely next tokens: softmax of the last position's logits over the temperature."""
        logits = self._last_logits().double()  # (V,)
        probabilities = torch.softmax(logits / temperature, dim=-1)
        top = torch.topk(logits, min(top_k, logits.numel()))
        label = self.checkpoint.tokenizer.label
        return [
            {
                "id": index,
                "label": label(index),
                "probability": probabilities[index].item(),
                "logit": logit,
                "rank": rank,
            }
            for rank, (index, logit) in enumerate(zip(top.indices.tolist(), top.values.tolist(), strict=True), 1)
        ]

    def parity(self) -> Parity:
        """Run the prompt once more, through the teaching attention, and compare."""
        difference = parity(self.checkpoint.model, self.trace)
        bound = ROUNDING * max(1.0, self._last_logits().abs().max().item())
        return Parity(difference, difference <= bound)

    def _last_logits(self) -> torch.Tensor:
        """Return the logits of the last position, (V,)."""
        logits = architecture(self.trace.config).named("logits")
        return self.trace.rows(logits, self.trace.T - 1, self.trace.T)[0, 0]


def new_tokens(before: Shown, text: str) -> int:
    """Return how many tokens of a text its run could not take over from the one before; 0 if it cannot be read."""
    try:
        ids = before.checkpoint.tokenizer.encode_marked(text)
    except ValueError:
        return 0
    block_size = before.checkpoint.config.block_size
    if len(ids) > block_size:
        return block_size
    return len(ids) - sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before.ids, ids, strict=False)))
