"""A vocabulary of words or of characters and words: each token is a text. This file knows no merging and no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

from gptcore.tokenizer.base import Tokenizer, not_negative, refuse_surrogates
from gptcore.tokenizer.bounded import shown


@dataclass(frozen=True)
class TableTokenizer(Tokenizer):
    """Id i is the i-th of `tokens`, each of one character or more.

    Where most tokens have several characters and none has white space, they are words: text is words with white space
    between them, and `decode` puts one space there. Else text is cut from its beginning, each time the longest token.

    >>> letters = TableTokenizer(("[PAD]", "a", "b"))
    >>> letters.encode("ab[PAD]"), letters.decode([1, 2, 0])
    ([1, 2, 0], 'ab[PAD]')
    >>> words = TableTokenizer(("the", "cat", "sat"))
    >>> words.encode("the cat  sat"), words.decode([0, 1, 2])
    ([0, 1, 2], 'the cat sat')

    Raises:
        ValueError: there are no tokens, or one is empty, there twice, or half a surrogate pair.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.tokens or not all(isinstance(token, str) and token for token in self.tokens):
            raise ValueError("a vocabulary is a list of texts, at least one, none of them empty")
        for index, token in enumerate(self.tokens):
            refuse_surrogates(token)
            if self._ids[token] != index:
                raise ValueError(f"each token has one id, but {shown(token)} is there more than once; keep one")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TableTokenizer:
        """Read the data of `to_json`; raise ValueError if it is invalid."""
        tokens = data.get("tokens")
        if not isinstance(tokens, Sequence) or isinstance(tokens, str):
            raise ValueError(f"'tokens' must be a list of all tokens, got {type(tokens).__name__}")
        return cls(tuple(tokens))

    def to_json(self) -> dict[str, Any]:
        return self._json("table", tokens=list(self.tokens))

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    @cached_property
    def are_words(self) -> bool:
        """True where text is words with white space between them."""
        several = sum(len(token) > 1 for token in self.tokens)
        return several > len(self.tokens) / 2 and not any(re.search(r"\s", token) for token in self.tokens)

    def encode(self, text: str) -> list[int]:
        return [self._ids[token] for token in (self._words(text) if self.are_words else self._cut(text))]

    def _words(self, text: str) -> Iterable[str]:
        for match in re.finditer(r"\S+", text):
            if match[0] not in self._ids:
                raise self._unknown(match[0], match.start())
            yield match[0]

    def _cut(self, text: str) -> Iterable[str]:
        position = 0
        while position < len(text):
            parts = (text[position : position + length] for length in self._lengths)
            token = next((part for part in parts if part in self._ids), None)
            if token is None:
                raise self._unknown(text[position], position)
            yield token
            position += len(token)

    def _unknown(self, text: str, position: int) -> ValueError:
        some = ", ".join(map(repr, self.tokens[:8])) + (", …" if len(self.tokens) > 8 else "")
        kind = "words" if self.are_words else "tokens"
        return ValueError(
            f"position {position} of the text is {shown(text)}, which this vocabulary of {self.vocab_size} {kind} does "
            f"not have; it has {some}"
        )

    @cached_property
    def _ids(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for index, token in enumerate(self.tokens):
            found.setdefault(token, index)
        return found

    @cached_property
    def _lengths(self) -> list[int]:
        """The lengths of the tokens, the longest first: as many look-ups a token, however many tokens there are."""
        return sorted({len(token) for token in self.tokens}, reverse=True)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Return the text of the ids, with one space between words."""
        texts = [self._shown_bytes(not_negative(index)).decode() for index in ids]
        return (" " if self.are_words else "").join(texts)

    def _bytes_or_none(self, index: int) -> bytes | None:
        return self.tokens[index].encode() if index < len(self.tokens) else None
