"""Runs of other texts, from which changes take their values. Each is made once for a set of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import torch
from torch import Tensor

from app.session.changes.change import Other
from app.session.costs import of_run
from app.session.first_prompt import example
from app.stores.limits import Limits
from app.stores.speed import Cost
from gptcore import Checkpoint, Trace, architecture, capture
from gptcore.data.source import TaskSource, task_source
from gptcore.data.tasks import TASKS
from gptcore.tokenizer import Tokenizer

K = TypeVar("K")
V = TypeVar("V")
RUNS, TEXTS = 8, 128
"""Runs and texts that are kept: the last ones that were used."""
LONGEST: Final = 64
"""Tokens of a sequence of a reference text at most."""
SEQUENCES: Final = 16
"""Sequences of a reference text at most."""
WRITTEN: Final = 8
"""Sequences that a model writes itself."""
SMALL: Final = 20_000_000
"""Parameters of the largest model that writes a text of its own."""


@dataclass(frozen=True)
class Text:
    """Another text as the model reads it."""

    ids: list[list[int]]
    """Its sequences, all as long."""
    words: str
    """A phrase on which text it is."""
    left_out: int = 0
    """Tokens at its start for which the context has no room."""

    @property
    def length(self) -> int:
        """Tokens of each sequence."""
        return len(self.ids[0])


class References:
    """The runs of other texts under one set of weights."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._texts: dict[tuple[str, bool], Text] = {}
        self._runs: dict[tuple[str, str, bool], Trace] = {}

    def text(self, wish: Other) -> Text:
        """Return the text that a change takes its values from; what the model writes itself is written once.

        Raises:
            ValueError: the tokenizer cannot read the text, or it holds no token.
        """
        patch = wish.how == "patch"

        def made() -> Text:
            return self._prompt(wish.text) if patch else self._sequences(wish.text)

        return _kept(self._texts, (wish.text, patch), TEXTS, made)

    def cost(self, wish: Other, limits: Limits) -> Cost:
        """Return what the run of a change's other text will cost at most; nothing where it is kept.

        Raises:
            ValueError: the tokenizer cannot read the text, or it holds none.
            TooMuch: the text has more bytes than a prompt may have.
        """
        if _key(wish) in self._runs:
            return Cost()
        limits.check_text(wish.text)
        if wish.text or _key(wish)[1:] in self._texts:
            text = self.text(wish)
            many, tokens = len(text.ids), text.length
        else:
            many, tokens = _own_size(self.checkpoint), min(LONGEST, self.checkpoint.config.block_size)
        one = of_run(self.checkpoint.config, tokens, tokens, names=(wish.source,))
        return Cost(many * one.flops, many * one.cells, many * one.memory)

    def values(self, wish: Other, T: int) -> Tensor | None:
        """Return the values of the first positions, as `tensor[index]` of the run would give the chosen part.

        None where the text has no such position.
        """
        trace = self._run(wish)
        if wish.at is not None:
            return trace.rows(wish.source, wish.at, wish.at + 1)[0, 0].clone() if wish.at < trace.T else None
        length = min(T, trace.T)
        axes = trace.shapes()[wish.source][0]
        rows = trace.rows(wish.source, 0, length)
        if axes[-2:] == ("T", "T"):
            rows = rows[..., :length]  # what a row reads lies before it
        if wish.how == "mean":
            rows = rows.mean(dim=0)
        else:
            rows = rows[wish.draw % trace.B]
        chosen: list[slice | int] = [slice(None)] * rows.dim()
        for place, axis in ((wish.head, "H"), (wish.position, "T"), (wish.channel, axes[-1])):
            if place is not None:
                if axis == "T" and place >= length:
                    return None
                chosen[axes.index(axis) - 1] = place
        return rows[tuple(chosen)].clone()

    def _run(self, wish: Other) -> Trace:
        """Return the run of another text; it holds little but the tensor that is changed."""
        return _kept(
            self._runs,
            _key(wish),
            RUNS,
            lambda: capture(self.checkpoint.model, self.text(wish).ids, names=[wish.source]),
        )

    def _prompt(self, text: str) -> Text:
        ids = self.checkpoint.tokenizer.encode_marked(text)
        if not ids:
            raise ValueError("the other prompt holds no token; type one")
        room = self.checkpoint.config.block_size
        if len(ids) <= room:
            return Text([ids], "another prompt")
        return Text([ids[-room:]], f"the last {room} of the {len(ids)} tokens of another prompt", len(ids) - room)

    def _sequences(self, text: str) -> Text:
        ids, words = own_text(self.checkpoint) if not text else (self._cut(text), "a text that was given")
        many = f"{len(ids)} sequence{'s' if len(ids) > 1 else ''} of {len(ids[0])} tokens"
        return Text(ids, f"{words}, {many}")

    def _cut(self, text: str) -> list[list[int]]:
        ids = self.checkpoint.tokenizer.encode_marked(text)
        if not ids:
            raise ValueError("the reference text holds no token; type one, or take the model's own")
        length = min(LONGEST, self.checkpoint.config.block_size, len(ids))
        whole = [ids[start : start + length] for start in range(0, len(ids) - length + 1, length)]
        return whole[:SEQUENCES]


def own_text(checkpoint: Checkpoint) -> tuple[list[list[int]], str]:
    """Return sequences of token ids that are usual for a model, always the same ones, and a phrase on them.

    They are examples of the built-in task that it was trained on; else what the model itself writes after the
    first token of its first prompt; of a large model, which would take long for that, its first prompt alone.
    """
    config, words = checkpoint.config, own_words(checkpoint)
    if source := _task(checkpoint):
        inputs, _ = source.batch(SEQUENCES, torch.Generator().manual_seed(0))
        return inputs[:, :LONGEST].tolist(), words
    first = checkpoint.tokenizer.encode_marked(example(checkpoint))
    if not _is_small(checkpoint):
        return [first[-config.block_size :][:LONGEST]], words
    return written(checkpoint, first[0], min(LONGEST, config.block_size)), words


def own_words(checkpoint: Checkpoint) -> str:
    """Return a phrase on which text a model's own is, which takes no run."""
    if _task(checkpoint):
        return f"examples of its task, {_data(checkpoint)}, seed 0"
    return "text that the model writes itself, seed 0" if _is_small(checkpoint) else "the model's first prompt"


def _own_size(checkpoint: Checkpoint) -> int:
    """Return the sequences of a model's own text, those that it writes counted twice: they are written, then run."""
    return SEQUENCES if _task(checkpoint) else 2 * WRITTEN if _is_small(checkpoint) else 1


def _key(wish: Other) -> tuple[str, str, bool]:
    return wish.source, wish.text, wish.how == "patch"


def _kept(kept: dict[K, V], key: K, most: int, make: Callable[[], V]) -> V:
    """Return what is kept for a key, which is made where it is not; the last ones that were used stay."""
    found = kept.pop(key) if key in kept else make()
    kept[key] = found
    while len(kept) > most:
        kept.pop(next(iter(kept)))
    return found


def _data(checkpoint: Checkpoint) -> str:
    settings = checkpoint.info.get("train_config")
    name = settings.get("data") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else ""


def _task(checkpoint: Checkpoint) -> TaskSource | None:
    """Return the built-in task that a model was trained on; None where it was another text, or has other ids."""
    name, config = _data(checkpoint), checkpoint.config
    if name not in TASKS:
        return None
    try:
        source = task_source(name, config.block_size, config.vocab_size)
    except ValueError:  # sizes that the task cannot have
        return None
    return source if _alike(source.tokenizer, checkpoint.tokenizer) else None


def _is_small(checkpoint: Checkpoint) -> bool:
    return sum(weight.numel() for weight in checkpoint.model.parameters()) <= SMALL


def written(checkpoint: Checkpoint, first: int, length: int) -> list[list[int]]:
    """Return sequences that a model writes after a token, at temperature 1; always the same ones."""
    generator = torch.Generator().manual_seed(0)
    logits = architecture(checkpoint.config).named("logits")
    ids, trace = torch.full((WRITTEN, 1), first), None
    while (T := ids.size(1)) < length:
        trace = capture(checkpoint.model, ids, names=[logits], previous=trace)
        shares = trace.rows(logits, T - 1, T)[:, 0].float().cpu().softmax(dim=-1)  # (B, V)
        ids = torch.cat([ids, torch.multinomial(shares, 1, generator=generator)], dim=1)
    return ids.tolist()


def _alike(one: Tokenizer, other: Tokenizer) -> bool:
    """Tell whether two vocabularies give the same ids."""
    size = one.vocab_size
    return size == other.vocab_size and all(one.label(index) == other.label(index) for index in range(size))
