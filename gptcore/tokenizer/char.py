"""One id per character, as in nanoGPT's `shakespeare_char`. This file knows no byte-level merging and no files."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gptcore.tokenizer.base import Tokenizer, refuse_surrogates


@dataclass(frozen=True)
class CharTokenizer(Tokenizer):
    r"""Id i is the i-th of `chars`. `CharTokenizer.train` takes a text's own characters, sorted, as nanoGPT does.

    Source: `data/shakespeare_char/prepare.py` in nanoGPT.

    >>> tokenizer = CharTokenizer.train("to be\n")
    >>> tokenizer.encode("be to")
    [2, 3, 1, 5, 4]
    >>> tokenizer.encode("bee!")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: position 3 of the text is '!' (U+0021 EXCLAMATION MARK), which this vocabulary ...

    Raises:
        ValueError: there are no characters, one of them twice, or half a surrogate pair.
    """

    chars: str

    def __post_init__(self) -> None:
        if not isinstance(self.chars, str) or not self.chars:
            raise ValueError(f"a character tokenizer needs a string of at least one character, got {self.chars!r}")
        refuse_surrogates(self.chars)
        for index, char in enumerate(self.chars):
            if self._ids[char] != index:
                raise ValueError(f"each character has one id, but {_named(char)} is there more than once; keep one")

    @classmethod
    def train(cls, text: str) -> CharTokenizer:
        """Return the vocabulary of all characters of `text`, sorted by code point."""
        return cls("".join(sorted(set(text))))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CharTokenizer:
        """Read the data of `to_json`; raise ValueError if it is invalid."""
        if not isinstance(data.get("chars"), str):
            raise ValueError(f"'chars' must be a string of all characters, got {type(data.get('chars')).__name__}")
        return cls(data["chars"])

    def to_json(self) -> dict[str, Any]:
        return self._json("char", chars=self.chars)

    @property
    def vocab_size(self) -> int:
        return len(self.chars)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {char: index for index, char in enumerate(self.chars)}

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[char] for char in text]
        except KeyError:
            position = next(i for i, char in enumerate(text) if char not in self._ids)
            raise ValueError(
                f"position {position} of the text is {_named(text[position])}, which this vocabulary of "
                f"{self.vocab_size} characters does not have; it has {_shortened(self.chars)}"
            ) from None

    def _bytes_or_none(self, index: int) -> bytes | None:
        return self.chars[index].encode() if index < len(self.chars) else None


def _named(char: str) -> str:
    """Return a character with its name, because some are invisible: 'a' (U+0061 LATIN SMALL LETTER A)."""
    name = f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
    return f"{char!r} ({name})"


def _shortened(chars: str, most: int = 100) -> str:
    return repr(chars) if len(chars) <= most else f"{chars[:most]!r} and {len(chars) - most} more"
