"""The interface of a built-in task: examples whose rule is known. This file knows no rule and no model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from gptcore.tokenizer import Tokenizer

NOT_ASKED = -1
"""A target that does not count."""


class Task(ABC):
    """A rule, and examples of it that fill a context."""

    sentence: str
    """Description of the task, for the model card."""
    prompt: str
    """The given part of an example."""
    tokenizer: Tokenizer
    block_size: int
    first_asked: int = 0
    """First position whose next token counts in the loss; all tokens up to it are given."""

    @abstractmethod
    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw examples to train on. Only `generator` decides which."""

    @abstractmethod
    def held_out(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield examples that `batch` never makes, the same ones each time.

        A task with too many examples to meet one twice yields fresh ones.
        """

    @abstractmethod
    def seen(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield training examples in the form of the held-out ones, the same ones each time."""

    def example(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw one example to show."""
        return self.batch(1, generator)

    def answers(self, y: Tensor) -> Tensor:
        """Return a bool mask (B, T) of the targets that the rule decides."""
        return y != NOT_ASKED
