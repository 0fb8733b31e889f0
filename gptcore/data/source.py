"""The source of a training's batches: a text or a task, its vocabulary and its splits. This file knows no model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gptcore.data import text, token_files
from gptcore.data.errors import DataError
from gptcore.data.task import NOT_ASKED, Task
from gptcore.data.tasks import DEFAULTS, TASKS
from gptcore.data.tokens import progress, text_size, tokenized
from gptcore.data.windows import Tokens, all_windows, random_batch, spread_windows
from gptcore.tokenizer import BPETokenizer, CharTokenizer, Tokenizer
from gptcore.tokenizer.train_bpe import train_bpe

Split = Literal["train", "val", "test"]
Kind = Literal["char", "bpe", "gpt2"]
MOST_TO_LEARN_FROM = 2**28
"""Bytes of text from which a vocabulary is learnt: far more than 50,000 ids need, and some minutes of time."""
Batches = Iterator[tuple[Tensor, Tensor]]
"""Inputs and targets, each (B, T) int64; the loss ignores targets of -1."""


class Source(ABC):
    """Batches for training and for evaluation, of one vocabulary and one context length."""

    tokenizer: Tokenizer
    block_size: int
    prompt: str = ""
    """Example prompt of a task; empty for text."""

    @abstractmethod
    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a batch to train on. Only `generator` decides which."""

    @abstractmethod
    def sample(self, split: Split, windows: int, batch_size: int) -> Batches:
        """Yield a part of a split, the same part each time: for evaluations during training."""

    @abstractmethod
    def whole(self, split: Split, batch_size: int = 16) -> Batches:
        """Yield a whole split."""

    def answers(self, y: Tensor) -> Tensor | None:
        """Return a mask (B, T) of the targets that the task's rule decides; None for text, which has no rule."""
        return None


@dataclass
class TextSource(Source):
    """Windows of a text."""

    tokenizer: Tokenizer
    block_size: int
    splits: dict[Split, Tokens]
    spans: text.SplitText

    def __post_init__(self) -> None:
        for name, tokens in self.splits.items():
            if len(tokens) <= self.block_size:
                raise DataError(
                    f"the {name} split has {len(tokens)} tokens, and a context of {self.block_size} needs at least "
                    f"{self.block_size + 1}; give more text or a smaller block_size"
                )

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return random_batch(self.splits["train"], self.block_size, rows, generator)

    def sample(self, split: Split, windows: int, batch_size: int) -> Batches:
        return spread_windows(self.splits[split], self.block_size, windows, batch_size)

    def whole(self, split: Split, batch_size: int = 16) -> Batches:
        return all_windows(self.splits[split], self.block_size, batch_size)


@dataclass
class TaskSource(Source):
    """Examples of a task."""

    task: Task

    def __post_init__(self) -> None:
        self.tokenizer, self.block_size = self.task.tokenizer, self.task.block_size
        self.prompt = self.task.prompt

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.task.batch(rows, generator)

    def sample(self, split: Split, windows: int, batch_size: int) -> Batches:
        return self.whole(split, batch_size)

    def whole(self, split: Split, batch_size: int = 64) -> Batches:
        return self.task.seen(batch_size) if split == "train" else self.task.held_out(batch_size)

    def answers(self, y: Tensor) -> Tensor | None:
        return self.task.answers(y) & (y != NOT_ASKED)


def task_source(name: str, block_size: int | None = None, vocab_size: int | None = None) -> TaskSource:
    """Return a built-in task by its name; a size that is not given is the task's default.

    Raises:
        DataError: the task cannot have these sizes.
    """
    block, size = DEFAULTS[name]
    return TaskSource(TASKS[name](block_size or block, vocab_size or size))


def text_source(
    name_or_path: str, block_size: int, kind: Kind, vocab_size: int | None = None, tokenizer: Tokenizer | None = None
) -> TextSource:
    """Return a text with the given vocabulary, or with one made for the text; or token ids, as nanoGPT's `train.bin`.

    Raises:
        DataError: there is no such text, it is too small, or it is no text.
        ValueError: the given vocabulary lacks characters of the text, or the text has too few pairs for `vocab_size`.
    """
    if found := token_files.find_token_files(Path(name_or_path).expanduser()):
        return _token_source(*found, block_size, kind, tokenizer)
    spans = text.find_split(name_or_path)
    tokenizer = tokenizer or _vocabulary(spans, kind, vocab_size)
    parts: dict[Split, Tokens] = {"train": tokenized(spans.train, tokenizer), "val": tokenized(spans.val, tokenizer)}
    return TextSource(tokenizer, block_size, parts, spans)


def _token_source(
    train: Path, val: Path | None, block_size: int, kind: Kind, tokenizer: Tokenizer | None
) -> TextSource:
    """Return the source of ids in files; without a file for validation, the last tenth of the ids serves."""
    tokens = token_files.read_tokens(train)
    held_out = token_files.read_tokens(val) if val else tokens[int(len(tokens) * 0.9) :]
    largest = max(token_files.largest_id(tokens), token_files.largest_id(held_out))
    chosen = tokenizer or token_files.vocabulary(train, largest, kind == "gpt2")
    token_files.check_ids(train, tokens, chosen)
    token_files.check_ids(val or train, held_out, chosen)
    if val is None:
        tokens = tokens[: len(tokens) - len(held_out)]
    size = 2 * len(tokens)
    files = (text.Span(train, 0, size),), (text.Span(val or train, 0 if val else size, text.file_size(val or train)),)
    return TextSource(chosen, block_size, {"train": tokens, "val": held_out}, text.SplitText(*files))


def _vocabulary(spans: text.SplitText, kind: Kind, vocab_size: int | None) -> Tokenizer:
    """Make a vocabulary: byte pairs are learnt from the training split; characters are taken from all splits.

    In a text of n times `MOST_TO_LEARN_FROM`, byte pairs are learnt from each n-th piece, so from all parts of it.
    """
    if kind == "gpt2":
        return BPETokenizer.gpt2()
    if kind == "bpe":
        every = -(-text_size(spans.train) // MOST_TO_LEARN_FROM) or 1
        with progress(spans.train, "byte pairs") as bar:
            some = islice(text.pieces(spans.train, bar.update), 0, None, every)
            return train_bpe((piece for piece, _ in some), vocab_size or 4096)
    characters: set[str] = set()
    everything = [*spans.train, *spans.val, *spans.test]
    with progress(everything, "characters") as bar:
        for piece, _ in text.pieces(everything, bar.update):
            characters.update(piece)
    return CharTokenizer("".join(sorted(characters)))
