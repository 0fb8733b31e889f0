"""The vocabularies that may run in this process: all of them, unless a caller sets a deadline for strangers'.

A researcher opens files of their own; a server opens anybody's. This file knows the kinds by their JSON alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from gptcore.tokenizer.base import FORMAT, VERSION, Tokenizer
from gptcore.tokenizer.bounded import at_most
from gptcore.tokenizer.bpe import GPT2_PATTERN
from gptcore.tokenizer.merges import MOST_SPECIAL
from gptcore.tokenizer.stored import tokenizer_from_json

CL100K_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
"""Pattern of tiktoken's `cl100k_base`; those of `r50k_base` and `p50k_base` are GPT-2's."""
ORIGINAL_PATTERN: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""GPT-2's own form of its pattern."""
KNOWN: Final = (GPT2_PATTERN, CL100K_PATTERN, ORIGINAL_PATTERN)
"""Patterns whose time grows with the length of the text."""
LONGEST: Final = 200
"""Characters of a token of a table: its time grows with them at each place of the text."""

BYTES: Final = 12 * 2**20
"""Size of the largest file of a stranger's vocabulary; that of 100,000 tokens and their merges has 7 MB."""
VALUES: Final = 400_000
"""JSON values of such a file: reading them keeps all others waiting."""

_SECONDS: ContextVar[float | None] = ContextVar("seconds for a stranger's vocabulary", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Run each vocabulary that is read in the block, and may be slow, in a process apart, with so much time an answer.

    One that is far larger than those of GPT-2's family is not read at all.

    >>> from gptcore.tokenizer import CharTokenizer
    >>> with deadline(2.0):
    ...     print(from_stranger(CharTokenizer("ab").to_json()))
    CharTokenizer(chars='ab')
    """
    before = _SECONDS.set(seconds)
    try:
        with at_most(BYTES, VALUES):
            yield
    finally:
        _SECONDS.reset(before)


def from_stranger(data: object) -> Tokenizer:
    """Return the tokenizer of JSON data, as `tokenizer_from_json` does; under a deadline perhaps in a process apart.

    Raises:
        ValueError: as `tokenizer_from_json`, or it took too long.
    """
    seconds = _SECONDS.get()
    if seconds is None or not isinstance(data, Mapping) or data.get("format") != FORMAT or is_bounded(data):
        return tokenizer_from_json(data)
    from gptcore.tokenizer.sandbox.client import ApartTokenizer

    return ApartTokenizer(data, seconds)


def guarded(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that was read; under a deadline perhaps another one, in a process apart.

    Raises:
        ValueError: it took too long.
    """
    data = None if _SECONDS.get() is None else tokenizer.to_json()
    return tokenizer if data is None or is_bounded(data) else from_stranger(data)


def library(tokenizer_json: object) -> dict[str, Any]:
    """Return the data of a vocabulary that Hugging Face's library runs, as `to_json` writes it."""
    return {"format": FORMAT, "version": VERSION, "kind": "library", "tokenizer": tokenizer_json}


def is_bounded(data: Mapping[str, Any]) -> bool:
    """Return True for a vocabulary whose time grows with the length of the text, or that will be refused at once."""
    match data.get("kind"):
        case "bpe":
            special = data.get("special")
            few = not isinstance(special, Mapping) or len(special) <= MOST_SPECIAL
            return few and data.get("pattern") in KNOWN
        case "table":
            tokens = data.get("tokens")
            return not isinstance(tokens, list) or all(not isinstance(t, str) or len(t) <= LONGEST for t in tokens)
        case "library":
            return False
    return True
