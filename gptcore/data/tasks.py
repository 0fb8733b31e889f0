"""Built-in tasks with a known rule: sorting, copying by induction, addition; and all tasks by name. It knows no model.

Each makes batches of whole examples: inputs and, one token further, targets, (B, T) int64; the loss ignores targets of
-1. `answers` tells which targets the rule decides; the others can only be guessed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptcore.data.errors import DataError
from gptcore.data.task import NOT_ASKED, Task
from gptcore.data.two_names import TwoNames
from gptcore.tokenizer import CharTokenizer

PAIRS_ALONE, ANYWHERE = 0.3, 0.7
"""Shares of Induction's rows: those with only pairs; and, among the others, those whose sequence begins anywhere."""


class Sort(Task):
    """Letters, followed directly by the same letters sorted. Source: minGPT's `demo.ipynb`.

    >>> task = Sort(block_size=11, vocab_size=3)
    >>> x, y = task.batch(1, torch.Generator().manual_seed(0))
    >>> task.tokenizer.decode(x[0]), y[0].tolist()
    ('CCBBAAAABBC', [-1, -1, -1, -1, -1, 0, 0, 1, 1, 2, 2])
    """

    def __init__(self, block_size: int, vocab_size: int) -> None:
        if block_size % 2 == 0 or not 2 <= vocab_size <= 26:
            raise DataError(
                f"sort: n letters and the same letters sorted need an odd block_size, 2n - 1, and 2 to 26 letters; got "
                f"block_size={block_size}, vocab_size={vocab_size}"
            )
        self.block_size, self.length = block_size, (block_size + 1) // 2
        self.first_asked = self.length - 1
        if vocab_size**self.length > 2**20:
            raise DataError(f"sort: {vocab_size} letters in {self.length} places are too many inputs; ask for fewer")
        self.tokenizer = CharTokenizer(string.ascii_uppercase[:vocab_size])
        self.sentence = f"{self.length} letters of {vocab_size}, followed directly by the same letters sorted"
        self.prompt = (self.tokenizer.chars[::-1] * self.length)[: self.length]
        self.inputs = torch.cartesian_prod(*[torch.arange(vocab_size)] * self.length).view(-1, self.length)
        order = torch.randperm(len(self.inputs), generator=torch.Generator().manual_seed(0))
        self._val, self._train = self.inputs[order[::4]], self.inputs[order[torch.arange(len(order)) % 4 != 0]]

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.examples(self._train[torch.randint(len(self._train), (rows,), generator=generator)])

    def held_out(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return (self.examples(inputs) for inputs in self._val.split(batch_size))

    def seen(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return (self.examples(inputs) for inputs in self._train.split(batch_size))

    def examples(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs (B, n) as training examples."""
        whole = torch.cat([inputs, inputs.sort(dim=1).values], dim=1)
        x, y = whole[:, :-1], whole[:, 1:].clone()
        y[:, : self.first_asked] = NOT_ASKED
        return x, y


class Induction(Task):
    """Letters in random order, each at most once, and then the same again: which letter came after this one before?

    An evaluation uses such a sequence alone, of each length. Training examples are harder to memorise: the sequence
    begins anywhere in the context, so that no position tells the answer. The rest of the context, and in three rows of
    ten the whole context, is pairs of letters repeated at once (such as "abab"), from which a head learns early to
    look one letter back.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads".

    >>> task = Induction(block_size=16, vocab_size=20)
    >>> x, y = task.examples(1, 5, torch.Generator().manual_seed(0))
    >>> task.tokenizer.decode(x[0]), task.answers(y)[0].long().tolist()
    ('mcdsnmcds', [0, 0, 0, 0, 0, 1, 1, 1, 1])
    """

    def __init__(self, block_size: int, vocab_size: int) -> None:
        letters = string.ascii_letters + string.digits
        if not (block_size >= 4 and (block_size + 1) // 2 <= vocab_size <= len(letters)):
            raise DataError(
                f"induction: vocab_size must be at least half of block_size and at most {len(letters)}, block_size at "
                f"least 4; got block_size={block_size}, vocab_size={vocab_size}"
            )
        self.block_size, self.vocab_size = block_size, vocab_size
        self.tokenizer = CharTokenizer("".join(sorted(letters[:vocab_size])))
        self.sentence = f"up to {block_size // 2} of {vocab_size} letters in random order, and then the same again"
        letters = self.tokenizer.chars[2 :: max(1, vocab_size // 8)][: block_size // 4][::-1]
        self.prompt = letters + letters[: len(letters) // 2]
        self.halves = range(max(2, block_size // 8), block_size // 2 + 1)  # lengths in evaluations

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        seed = int(torch.randint(2**31, (), generator=generator))
        rng = np.random.default_rng(seed)
        whole = torch.from_numpy(np.stack([self._row(rng) for _ in range(rows)]))
        return whole[:, :-1], whole[:, 1:]

    def example(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.examples(1, int(torch.randint(3, self.block_size // 2 + 1, (), generator=generator)), generator)

    def _row(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a row (T + 1,): a sequence repeated once, at any place, and pairs around it."""
        parts = [self._repeated(rng, *self._place(rng))] if rng.random() >= PAIRS_ALONE else []
        length = sum(map(len, parts))
        while length <= self.block_size:
            parts.append(self._repeated(rng, int(rng.integers(2)), 2))
            length += len(parts[-1])
        return np.concatenate(parts)[: self.block_size + 1]

    def _place(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return the number of letters before the halves, and the length of a half."""
        half = int(rng.integers(2, self.block_size // 2 + 1))
        room = min(self.block_size - 2 * half, self.vocab_size - half)
        return int(rng.integers(room + 1)) if rng.random() < ANYWHERE else 0, half

    def _repeated(self, rng: np.random.Generator, before: int, half: int) -> NDArray[np.int64]:
        letters = rng.permutation(self.vocab_size)[: before + half]
        return np.concatenate([letters, letters[before:]])

    def held_out(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._fixed(batch_size, seed=1)

    def seen(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._fixed(batch_size, seed=2)

    def _fixed(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        return (self.examples(32, half, generator) for half in self.halves)

    def examples(self, rows: int, half: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw examples with halves of this length."""
        order = torch.rand(rows, self.vocab_size, generator=generator).argsort(dim=1)[:, :half]
        whole = torch.cat([order, order], dim=1)
        return whole[:, :-1], whole[:, 1:]

    def answers(self, y: Tensor) -> Tensor:
        """Return True where the letter before the target has occurred before.

        The first letter of the second half can only be guessed.
        """
        T = y.size(1)
        return (torch.arange(T) >= (T + 1) // 2).expand_as(y)


class Addition(Task):
    """Two numbers and their sum, lowest digit first, as in adding by hand. Source: minGPT's `projects/adder`.

    >>> task = Addition(block_size=8, vocab_size=12)
    >>> x, y = task.batch(1, torch.Generator().manual_seed(0))
    >>> task.tokenizer.decode(x[0]), task.tokenizer.decode(y[0][task.answers(y)[0]])
    ('44+39=38', '380')
    """

    def __init__(self, block_size: int, vocab_size: int) -> None:
        if block_size % 3 != 2 or not 5 <= block_size <= 14 or vocab_size != 12:
            raise DataError(
                "addition: numbers of n digits need block_size 3n + 2, from 5 to 14, and vocab_size 12 (the digits, "
                f"'+' and '='); got block_size={block_size}, vocab_size={vocab_size}"
            )
        self.block_size, self.digits = block_size, (block_size - 2) // 3
        self.first_asked = 2 * self.digits + 1
        self.tokenizer = CharTokenizer("0123456789+=")
        self.prompt = f"{'27182818'[: self.digits]}+{'31415926'[: self.digits]}="
        self.sentence = f"two numbers of {self.digits} digits and their sum, lowest digit first"

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self._drawn(rows, generator, held_out=False)

    def held_out(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(1)
        return (self._drawn(batch_size, generator, held_out=True) for _ in range(0, 500, batch_size))

    def seen(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(2)
        return (self._drawn(batch_size, generator, held_out=False) for _ in range(0, 500, batch_size))

    def _drawn(self, rows: int, generator: torch.Generator, held_out: bool) -> tuple[Tensor, Tensor]:
        """Draw pairs. Those with a + 3b divisible by 10 are held out, so that each split has every digit."""
        found = torch.zeros(0, 2, dtype=torch.int64)
        while len(found) < rows:
            pairs = torch.randint(10**self.digits, (16 * rows, 2), generator=generator)
            mine = ((pairs[:, 0] + 3 * pairs[:, 1]) % 10 == 0) == held_out
            found = torch.cat([found, pairs[mine]])
        return self.examples(found[:rows])

    def examples(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return pairs of numbers (B, 2) as training examples."""
        n, (a, b) = self.digits, pairs.unbind(1)
        plus, equals = (torch.full((len(pairs), 1), index) for index in (10, 11))
        parts = [_digits(a, n).flip(1), plus, _digits(b, n).flip(1), equals, _digits(a + b, n + 1)]
        whole = torch.cat(parts, dim=1)
        x, y = whole[:, :-1], whole[:, 1:].clone()
        y[:, : self.first_asked] = NOT_ASKED
        return x, y


def _digits(numbers: Tensor, count: int) -> Tensor:
    """Return the decimal digits (B, count), lowest first."""
    return numbers[:, None] // 10 ** torch.arange(count) % 10


TASKS: dict[str, type[Sort] | type[Induction] | type[Addition] | type[TwoNames]] = {
    "sort": Sort,
    "induction": Induction,
    "addition": Addition,
    "two-names": TwoNames,
}
DEFAULTS = {"sort": (11, 3), "induction": (32, 26), "addition": (8, 12), "two-names": (24, TwoNames.size())}
"""Default block_size and vocab_size of each task."""
