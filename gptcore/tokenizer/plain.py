"""Ids as numbers, for a checkpoint without a vocabulary. This file knows no text but digits and spaces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex

from gptcore.tokenizer.base import Tokenizer, not_negative


@dataclass(frozen=True)
class IdTokenizer(Tokenizer):
    """A tokenizer whose text "17 4 9" is the ids 17, 4 and 9.

    >>> tokenizer = IdTokenizer(50304)
    >>> tokenizer.encode("17 4  9"), tokenizer.decode([17, 4, 9])
    ([17, 4, 9], '17 4 9')
    >>> tokenizer.encode("17 four")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: position 3 of the text, 'four', is not an id: without a vocabulary, text is ids from 0 to 50303 ...

    Raises:
        ValueError: `size` is less than 1.
    """

    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise ValueError(f"'vocab_size' must be a whole number of at least 1, got {self.size!r}")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> IdTokenizer:
        """Read the data of `to_json`; raise ValueError if it is invalid."""
        return cls(data.get("vocab_size", 0))

    def to_json(self) -> dict[str, Any]:
        return self._json("ids", vocab_size=self.size)

    @property
    def vocab_size(self) -> int:
        return self.size

    def encode(self, text: str) -> list[int]:
        return [self._id(word[0], word.start()) for word in re.finditer(r"\S+", text)]

    def _id(self, word: str, position: int) -> int:
        # No V has more than 20 digits, and int() itself refuses numbers of thousands of digits.
        if re.fullmatch("[0-9]{1,20}", word) and int(word) < self.size:
            return int(word)
        shown = word if len(word) <= 40 else word[:40] + "..."
        raise ValueError(
            f"position {position} of the text, {shown!r}, is not an id: without a vocabulary, text is ids from 0 to "
            f'{self.size - 1} separated by spaces, such as "17 4 9"'
        )

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Return the numbers separated by one space. An id beyond the vocabulary has its number, too."""
        return " ".join(str(not_negative(index)) for index in ids)

    def _bytes_or_none(self, index: int) -> bytes | None:
        return str(index).encode() if index < self.size else None
