"""A text that a model was not trained on, for what is measured with a head off. It ships: nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gptcore.data.errors import DataError
from gptcore.data.tasks import TASKS
from gptcore.tokenizer import Tokenizer

if TYPE_CHECKING:
    from gptcore.checkpoint import Checkpoint

TEXTS = {
    "tinyshakespeare": "the beginning of the last tenth of tinyshakespeare, which is held out",
    "fairytales": "the beginning of the first tale of the test split of fairytales",
}
"""The texts in the folder beside this file, each from the part of its data set that no training sees."""
_FOLDER = Path(__file__).with_name("held_out_texts")
MOST_TOKENS, ROW = 512, 128
"""Tokens of a text at most, and of a sequence of it."""
EXAMPLES = 64
"""Examples of a task at most."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Token ids with what they are."""

    ids: Int[Tensor, "B T"]
    counted: Bool[Tensor, "B t"]
    """The next tokens that count, (B, T - 1)."""
    about: str
    """The words that name it in a sentence."""


def held_out(ckpt: Checkpoint) -> HeldOut | None:
    """Return a text that a checkpoint was not trained on, by the data that it names; None where none ships for it.

    Of a built-in task it is held-out examples, of which the tokens count that the rule decides; of a public data set
    the beginning of its held-out part, of which every token counts.

    >>> from gptcore import load
    >>> found = held_out(load("induction"))
    >>> found.about, found.ids.shape, found.counted.sum().item()
    ('32 held-out examples of the task induction, at the 480 tokens that its rule decides', torch.Size([32, 32]), 480)
    """
    told = ckpt.info.get("train_config")
    name = told.get("data") if isinstance(told, dict) else None
    if not isinstance(name, str):
        return None
    if name in TASKS:
        return _of_task(name, ckpt)
    if name in TEXTS:
        text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        try:
            return of_text(text, ckpt.tokenizer, ckpt.config.block_size, TEXTS[name])
        except ValueError:
            return None  # its vocabulary cannot read the text
    return None


def of_text(text: str, tokenizer: Tokenizer, block_size: int, about: str = "a text") -> HeldOut:
    """Return the beginning of any text as rows of the same length, every next token of which counts.

    Raises:
        ValueError: the tokenizer cannot read it, or it has fewer than two tokens.

    >>> from gptcore.tokenizer import CharTokenizer
    >>> of_text("abcabc", CharTokenizer("abc"), 4).ids.tolist()
    [[0, 1, 2, 0]]
    """
    ids = tokenizer.encode(text)[:MOST_TOKENS]
    length = min(block_size, ROW, len(ids))
    if length < 2:
        raise ValueError(f"a text needs two tokens at least, as a loss is of the next token; got {length}: give more")
    rows = torch.tensor(ids[: len(ids) // length * length]).view(-1, length)
    return HeldOut(rows, torch.ones(len(rows), length - 1, dtype=torch.bool), f"{rows.numel()} tokens: {about}")


def _of_task(name: str, ckpt: Checkpoint) -> HeldOut | None:
    try:
        task = TASKS[name](ckpt.config.block_size, ckpt.config.vocab_size)
    except DataError:
        return None  # a model of other sizes
    batches = [batch for batch, _ in zip(task.held_out(EXAMPLES), range(32), strict=False)]
    x, y = max(batches, key=lambda batch: batch[0].size(1))
    asked = task.answers(y)  # (B, T)
    whole = torch.cat([x, y[:, -1:]], dim=1)
    fits = whole.size(1) <= ckpt.config.block_size and bool((y[:, -1] >= 0).all())
    ids, counted = (whole, asked) if fits else (x, asked[:, :-1])
    if not counted.any():
        return None
    about = (
        f"{len(ids)} held-out examples of the task {name}, at the {int(counted.sum()):,} tokens that its rule decides"
    )
    return HeldOut(ids, counted, about)
