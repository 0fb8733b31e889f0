"""The built-in task of two names: sentences at whose end a rule decides which of the names must come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import TypeVar

import torch
from torch import Tensor

from gptcore.data.errors import DataError
from gptcore.data.task import NOT_ASKED, Task
from gptcore.tokenizer import BPETokenizer
from gptcore.tokenizer.bpe import GPT2_PATTERN

# fmt: off
NAMES = (
    "Adam", "Alice", "Amy", "Anna", "Ben", "Bob", "Carl", "Carol", "Clara", "Dan", "David", "Diana", "Ella",
    "Emma", "Eric", "Eva", "Finn", "Frank", "Fred", "George", "Grace", "Greg", "Hanna", "Harry", "Helen",
    "Henry", "Ida", "Iris", "Isaac", "Ivan", "Jack", "James", "Jane", "John", "Julia", "Karen", "Karl", "Kate",
    "Kevin", "Laura", "Leo", "Lily", "Lucas", "Lucy", "Maria", "Mark", "Martin", "Mary", "Max", "Mia", "Mike",
    "Nina", "Noah", "Nora", "Olga", "Oliver", "Oscar", "Otto", "Paul", "Peter", "Quinn", "Rachel", "Robert",
    "Rosa", "Ruth", "Sam", "Sara", "Simon", "Sofia", "Steve", "Susan", "Tina", "Tom", "Victor", "Walter", "Zoe",
)
# fmt: on
SINCE = ("When", "While", "After", "As", "Because")
"""Openings of a half sentence, behind which a comma leads on."""
ONCE = ("Once", "Today", "Yesterday", "Sometimes")
"""Openings of a whole one."""
TOGETHER = ("went to", "came to", "sat in", "walked to", "stayed in", "worked in", "played in", "were at")
"""Deeds of all of them."""
MEETING = ("met", "saw", "found", "helped")
"""Deeds of the first with the second."""
PLACES = ("store", "park", "school", "garden", "house", "market", "station", "office", "library", "beach", "hotel")
ON = (", and", ". Then", ". Later")
"""Ways in which a whole sentence leads on."""
GIVES = ("gave", "handed", "sold", "brought", "showed", "lent", "sent", "passed", "offered", "threw")
THINGS = ("ring", "book", "drink", "ball", "letter", "key", "flower", "pear", "coin", "map", "ticket", "snack")
THIRD = 0.25
"""Share of the sentences with three names."""
EVERY_FRAME, EVERY_PAIR = 8, 10
"""One in so many frames of sentences, and pairs of names, is held out."""
LONGEST = 24
"""Tokens of the longest sentence with the end of its line, and some room."""
EVALUATED = 1024
"""Sentences of an evaluation."""
Frame = tuple[str, str, str, str]
Each = TypeVar("Each")


class TwoNames(Task):
    """Sentences in which two people meet, and one gives something to the other: who gets it?

    Of two names, it is the one that has come only once; of three, two give, and the third gets. Each is as often named
    first as second, so that no place tells the answer. All of a sentence is to be predicted, but only its last name is
    decided by the rule.

    Held out are a tenth of the pairs of names, and an eighth of the frames: opening, deed, place and what leads on. No
    training example has such a pair or such a frame; each example of an evaluation has both.

    Source: Wang et al. 2022, "Interpretability in the Wild", whose sentences have this form.

    >>> task = TwoNames(block_size=24, vocab_size=TwoNames.size())
    >>> x, y = task.batch(1, torch.Generator().manual_seed(2))
    >>> task.tokenizer.decode(x[0]).split("\\n")[0]
    'Yesterday Isaac helped Mark at the store. Then Isaac threw a flower to Mark.'
    """

    sentence = f"{len(NAMES)} names; two of them, at times three, meet, and one gives something to another"
    prompt = "When Anna and Tom went to the store, Tom gave a ring to"

    def __init__(self, block_size: int, vocab_size: int) -> None:
        if block_size < LONGEST or vocab_size != self.size():
            raise DataError(
                f"two-names: its sentences need block_size {LONGEST} or more, and vocab_size {self.size()}; got "
                f"block_size={block_size}, vocab_size={vocab_size}"
            )
        self.block_size = block_size
        self.tokenizer = vocabulary()
        self._end = self.tokenizer.encode("\n")[0]

    @staticmethod
    def size() -> int:
        """Return the number of ids of the vocabulary."""
        return vocabulary().vocab_size

    def batch(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self._drawn(rows, generator, held_out=False)

    def held_out(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._fixed(batch_size, seed=1, held_out=True)

    def seen(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._fixed(batch_size, seed=2, held_out=False)

    def answers(self, y: Tensor) -> Tensor:
        """Return True at the last name: two places before the end of the line."""
        found = torch.zeros_like(y, dtype=torch.bool)
        found[:, :-2] = y[:, 2:] == self._end
        return found

    def _fixed(self, batch_size: int, seed: int, held_out: bool) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        return (self._drawn(batch_size, generator, held_out) for _ in range(0, EVALUATED, batch_size))

    def _drawn(self, rows: int, generator: torch.Generator, held_out: bool) -> tuple[Tensor, Tensor]:
        whole = torch.full((rows, self.block_size + 1), self._end)
        y = torch.full((rows, self.block_size), NOT_ASKED)
        draw = Draw(generator)
        for row in range(rows):
            ids = torch.tensor(self.tokenizer.encode(draw.sentence(held_out)))
            whole[row, : len(ids)] = ids
            y[row, : len(ids) - 1] = ids[1:]
        return whole[:, :-1], y


class Draw:
    """Chance: whatever it draws is decided by its generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def sentence(self, held_out: bool) -> str:
        """Return a sentence with the end of its line."""
        opening, deed, place, on = self.one(frames(held_out))
        if self.share() < THIRD and deed in TOGETHER:
            a, b, c = self._three(held_out)
            meet = f"{a}, {b} and {c} {deed}"
            gives = self._shuffled([a, b, c])
            giver, gets = f"{gives[0]} and {gives[1]}", gives[2]
        else:
            a, b = self._shuffled([*self.one(pairs(held_out))])
            meet = f"{a} and {b} {deed}" if deed in TOGETHER else f"{a} {deed} {b} at"
            giver, gets = self._shuffled([a, b])
        return f"{opening} {meet} the {place}{on} {giver} {self.one(GIVES)} a {self.one(THINGS)} to {gets}.\n"

    def one(self, among: Sequence[Each]) -> Each:
        """Return one of several."""
        return among[int(torch.randint(len(among), (), generator=self._generator))]

    def share(self) -> float:
        """Return a number from 0 to 1."""
        return float(torch.rand((), generator=self._generator))

    def _shuffled(self, among: list[str]) -> list[str]:
        return [among[i] for i in torch.randperm(len(among), generator=self._generator)]

    def _three(self, held_out: bool) -> list[str]:
        """Return three names: no two of them are a pair that is held out, or with `held_out` some are."""
        while True:
            names = self._shuffled(list(NAMES))[:3]
            if any(_is_held_out(one, other) for one, other in combinations(names, 2)) == held_out:
                return names


@cache
def pairs(held_out: bool) -> tuple[tuple[str, str], ...]:
    """Return the pairs of names for an evaluation, or for training.

    >>> len(pairs(True)), len(pairs(False))
    (281, 2569)
    """
    return tuple(pair for pair in combinations(NAMES, 2) if _is_held_out(*pair) == held_out)


def _is_held_out(one: str, other: str) -> bool:
    first, second = sorted((NAMES.index(one), NAMES.index(other)))
    return (first + 3 * second) % EVERY_PAIR == 0


@cache
def frames(held_out: bool) -> tuple[Frame, ...]:
    """Return the frames of sentences for an evaluation, or for training: opening, deed, place, what leads on.

    >>> len(frames(True)), len(frames(False))
    (281, 1963)
    """
    deeds = (*TOGETHER, *MEETING)
    whole = [*product(SINCE, deeds, PLACES, (",",)), *product(ONCE, deeds, PLACES, ON)]
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0)).tolist()
    return tuple(frame for i, frame in zip(order, whole, strict=True) if (i % EVERY_FRAME == 0) == held_out)


@cache
def vocabulary() -> BPETokenizer:
    """Return byte pairs in which each word of the sentences is one token, with the space before it.

    Any other text is cut into pieces of these words and single bytes, so that one may type what one likes.

    >>> [vocabulary().label(index) for index in vocabulary().encode("When Anna and Tom met")]
    ['When', ' Anna', ' and', ' Tom', ' met']
    """
    ranks = {bytes([byte]): byte for byte in range(256)}
    for word in _words():
        for length in range(2, len(word) + 1):  # each beginning of a word, so that it grows letter by letter
            ranks.setdefault(word[:length].encode(), len(ranks))
    return BPETokenizer(GPT2_PATTERN, ranks)


def _words() -> Iterable[str]:
    yield from (*SINCE, *ONCE)
    spaced = " ".join([*NAMES, *TOGETHER, *MEETING, *PLACES, *GIVES, *THINGS, "and at the a to Then Later"])
    yield from dict.fromkeys(f" {word}" for word in spaced.split())
