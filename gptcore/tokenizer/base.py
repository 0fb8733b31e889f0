"""The interface of every tokenizer. This file knows bytes and text; it knows no vocabulary, model or file."""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

from gptcore.tokenizer import marked

FORMAT = "gptscope-tokenizer"
VERSION = 1
MOST_LABEL = 300
"""Characters of one token on the screen, more than twice as many as GPT-2's longest has."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Control characters (except tab, newline and carriage return), and characters that have no width, or change the text's
direction: those of Unicode's property Default_Ignorable_Code_Point, and its separators of lines and paragraphs."""


class Tokenizer(ABC):
    """Text to ids and back. Immutable, so that any number of threads may share one.

    For each text that `encode` accepts, `decode(encode(text)) == text`, and the `token_bytes` of its ids, joined, are
    `text.encode()`. (Plain ids are an exception: there, any white space between numbers becomes one space.)

    >>> from gptcore.tokenizer import CharTokenizer
    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 3, 2, 0]), tokenizer.token_bytes(1), tokenizer.label(9)
    ([1, 3, 2, 0], 'hole', b'h', 'unused (9)')
    """

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The largest id that has a token, plus 1. A model's V may be larger (padded), never smaller."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`. Raise ValueError with the place of the first text that has no token."""

    @abstractmethod
    def _bytes_or_none(self, index: int) -> bytes | None:
        """Return the bytes of token `index`, which is at least 0; None if there is no such token."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the whole tokenizer as plain JSON data; `tokenizer_from_json` reads it back."""

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Tokens that no ordinary text encodes to, with their ids, such as the end of a document."""
        return {}

    @property
    def unknown(self) -> int | None:
        """The token that stands for any text that the vocabulary does not have; None where no text becomes it."""
        return None

    def encode_marked(self, text: str) -> list[int]:
        r"""Return the ids of a text in which marks stand for tokens that no ordinary text encodes to.

        A mark is a backslash before the name of a special token, or before the bytes of any token of a byte-level
        vocabulary: `\<0xE2>`.

        >>> from gptcore.tokenizer import BPETokenizer
        >>> tokenizer = BPETokenizer(r"\s|\S+", {bytes([b]): b for b in range(256)}, special={"<|end|>": 256})
        >>> tokenizer.encode_marked(r"a\<|end|>b\<0xE2>"), tokenizer.decode_marked([97, 256, 98, 0xE2])
        ([97, 256, 98, 226], 'a\\<|end|>b\\<0xE2>')
        >>> tokenizer.decode_marked([97, 0xE2, 0x82, 0xAC])
        'a€'

        Raises:
            ValueError: as `encode`.
        """
        return marked.encode(self, text)

    def decode_marked(self, ids: Iterable[SupportsIndex]) -> str:
        """Return a text that `encode_marked` gives these ids for, as far as there is one; marks only where needed."""
        return marked.decode(self, [not_negative(index) for index in ids])

    def token_of(self, raw: bytes) -> int | None:
        """Return the token with exactly these bytes in a byte-level vocabulary; None in any other, and without one."""
        return None

    def bytes_of(self, index: int) -> bytes | None:
        """Return the bytes of a token; None if no token has this id."""
        return self._bytes_or_none(index)

    def token_bytes(self, index: SupportsIndex) -> bytes:
        """Return the bytes of token `index`: often whole characters, sometimes a part of one.

        Raises:
            ValueError: no token has this id.
        """
        found = self._bytes_or_none(not_negative(index))
        if found is None:
            raise ValueError(f"id {index} has no token: this vocabulary's ids are 0 to {self.vocab_size - 1}")
        return found

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        r"""Return the text of `ids`: bytes that are not UTF-8 as `\xe2`, ids without a token as `unused (50300)`.

        U+FFFD never replaces anything.

        Raises:
            ValueError: an id is negative.
        """
        return readable(b"".join(self._shown_bytes(not_negative(index)) for index in ids))

    def label(self, index: SupportsIndex) -> str:
        r"""Return one token for the screen: its text, as far as its bytes are UTF-8 by themselves.

        The first two of the three bytes of a euro sign become `\xe2\x82`; an id without a token becomes
        `unused (50300)`. Characters that are invisible or reverse the text become their code, such as `\x05` and
        `\u202e`; tab, newline and carriage return stay, because the screen has signs for them. A very long token is
        cut.

        Raises:
            ValueError: the id is negative.
        """
        text = readable(self._shown_bytes(not_negative(index)))
        return _UNSEEN.sub(_code, text if len(text) <= MOST_LABEL else f"{text[:MOST_LABEL]}…")

    def _shown_bytes(self, index: int) -> bytes:
        found = self._bytes_or_none(index)
        return f"unused ({index})".encode() if found is None else found

    def _json(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, "kind": kind, **fields}


def not_negative(index: SupportsIndex) -> int:
    """Return an id as an int, also from a tensor's or an array's element. Raise ValueError if it is negative."""
    number = operator.index(index)
    if number < 0:
        raise ValueError(f"an id must be 0 or more, got {number}")
    return number


def _code(char: re.Match[str]) -> str:
    r"""Return `\x05` for an ASCII character, else `\u0085`, because `\x85` would mean a byte that is not UTF-8."""
    code = ord(char[0])
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def readable(raw: bytes) -> str:
    """Return bytes as text, with a backslash escape for each byte that is not UTF-8: nothing is lost or guessed."""
    return raw.decode("utf-8", errors="backslashreplace")


def refuse_surrogates(text: str) -> None:
    """Raise ValueError for a lone surrogate: it is half a character without UTF-8, so it has no bytes to encode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(
            f"position {error.start} of the text is U+{code:04X}, half of a surrogate pair, not a character; remove it"
        ) from None
