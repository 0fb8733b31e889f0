"""What every tokenizer promises. This file knows bytes and text; it knows no vocabulary, model or file."""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, SupportsIndex

FORMAT = "gptscope-tokenizer"
VERSION = 1
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, but for those that text is made of, and those that change its direction."""


class Tokenizer(ABC):
    """Text to ids and back. Immutable, so that any number of threads may share one.

    For all text that `encode` accepts, `decode(encode(text)) == text`, and the `token_bytes` of the ids, one after
    another, are `text.encode()`. (Plain ids have no text: there, spaces between the numbers are made equal.)

    >>> from gptcore.tokenizer import CharTokenizer
    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 3, 2, 0]), tokenizer.token_bytes(1), tokenizer.label(9)
    ([1, 3, 2, 0], 'hole', b'h', 'unused (9)')
    """

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """One more than the largest id that has a token. A model's V may be larger (padded), never smaller."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The ids of `text`. Text that this vocabulary cannot hold is a ValueError that names what, and where."""

    @abstractmethod
    def _bytes_or_none(self, index: int) -> bytes | None:
        """The bytes of token `index`, which is at least 0; None where there is no such token."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All of this tokenizer as plain JSON data; `tokenizer_from_json` reads it back."""

    def token_bytes(self, index: SupportsIndex) -> bytes:
        """The bytes that token `index` stands for: often whole characters, sometimes a part of one.

        Raises:
            ValueError: no token has this id.
        """
        found = self._bytes_or_none(not_negative(index))
        if found is None:
            raise ValueError(f"id {index} has no token: this vocabulary's ids are 0 to {self.vocab_size - 1}")
        return found

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        r"""The text of `ids`. Bytes that are no UTF-8 read `\xe2`, ids without a token `unused (50300)`; never U+FFFD.

        Raises:
            ValueError: an id is negative.
        """
        return readable(b"".join(self._shown_bytes(not_negative(index)) for index in ids))

    def label(self, index: SupportsIndex) -> str:
        r"""What stands for one token on the screen: its text, as far as its bytes are UTF-8 by themselves.

        The first two of the three bytes of a euro sign read `\xe2\x82`; an id without a token reads `unused (50300)`.
        What would be drawn as nothing or turn the text around reads as its code, such as `\x05` and `\u202e`; tab,
        newline and carriage return stay, for the screen has signs for them.

        Raises:
            ValueError: the id is negative.
        """
        return _UNSEEN.sub(_code, readable(self._shown_bytes(not_negative(index))))

    def _shown_bytes(self, index: int) -> bytes:
        found = self._bytes_or_none(index)
        return f"unused ({index})".encode() if found is None else found

    def _json(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, "kind": kind, **fields}


def not_negative(index: SupportsIndex) -> int:
    """An id as an int, also from a tensor's or an array's element."""
    number = operator.index(index)
    if number < 0:
        raise ValueError(f"an id is 0 or more, got {number}")
    return number


def _code(char: re.Match[str]) -> str:
    r"""`\x05` for a single byte; `\u0085`, as `\x85` would be a byte that is no UTF-8."""
    code = ord(char[0])
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def readable(raw: bytes) -> str:
    """UTF-8 as text, with a backslash escape for each byte that is none: nothing is lost, nothing is guessed."""
    return raw.decode("utf-8", errors="backslashreplace")


def refuse_surrogates(text: str) -> None:
    """A lone surrogate is half a character: it has no UTF-8, so no tokenizer of bytes can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(
            f"position {error.start} of the text is U+{code:04X}, half of a surrogate pair and no character; remove it"
        ) from None
