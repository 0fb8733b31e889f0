"""Byte-pair encoding by tiktoken, with any ranks. This file knows bytes and ranks; it knows no model.

Source: Radford et al. 2019 (GPT-2), section 2.2; the byte table is `bytes_to_unicode` of GPT-2's `encoder.py`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tiktoken

from gptcore.tokenizer.base import Tokenizer, refuse_surrogates
from gptcore.tokenizer.gpt2_files import read_vocab_and_merges
from gptcore.tokenizer.panics import as_value_error
from gptcore.tokenizer.tiktoken_cache import holds_gpt2

GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
"""Pattern by which GPT-2 cuts text before it merges; in tiktoken's form, which backtracks less than the original."""

MOST_IDS = 2**24
"""Largest number of ids, more than any vocabulary has, so that one huge id cannot ask for all memory."""

# tiktoken's regex engine overflows its stack on a long run of white space before text. Rust's \s, not Python's.
_WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_LONG_RUN = re.compile(rf"(?<![{_WHITE_SPACE}])[{_WHITE_SPACE}]{{10000,}}+(?!\Z)")


class BPETokenizer(Tokenizer):
    r"""A tokenizer that cuts text by `pattern`; in each piece, the neighbours whose token has the lowest id merge.

    `ranks` maps each token's bytes to its id, which is also its rank in merging. `special` tokens, such as the end of
    a document, decode to their name; no text encodes to them, not even their own name.

    >>> ranks = {bytes([b]): b for b in range(256)} | {b"he": 256, b"hel": 257}
    >>> tokenizer = BPETokenizer(GPT2_PATTERN, ranks, special={"<|endoftext|>": 258})
    >>> tokenizer.encode("hello"), tokenizer.token_bytes(257), tokenizer.label(0xE2), tokenizer.vocab_size
    ([257, 108, 111], b'hel', '\\xe2', 259)
    >>> tokenizer.decode(tokenizer.encode("<|endoftext|>")), tokenizer.decode([258])
    ('<|endoftext|>', '<|endoftext|>')

    Raises:
        ValueError: the pattern is not a regular expression, a single byte has no token, or an id has two tokens.
    """

    def __init__(self, pattern: str, ranks: Mapping[bytes, int], special: Mapping[str, int] | None = None) -> None:
        self.pattern, self.ranks, self.special = pattern, dict(ranks), dict(special or {})
        named = {name.encode(): index for name, index in self.special.items()}
        _check_ids([*self.ranks.values(), *named.values()])
        for byte in range(256):
            if bytes([byte]) not in self.ranks:
                raise ValueError(
                    f"byte {byte:#04x} has no token, and text may hold any byte; give each of the 256 bytes one"
                )
        if b"" in self.ranks or b"" in named:
            raise ValueError("a token of no bytes can never occur; leave it out")
        self._bytes = {index: raw for tokens in (self.ranks, named) for raw, index in tokens.items()}
        self._size = max(self._bytes) + 1
        with as_value_error("tiktoken cannot work with this vocabulary"):
            self._encoding = tiktoken.Encoding(
                "gptscope", pat_str=pattern, mergeable_ranks=self.ranks, special_tokens=self.special
            )

    @classmethod
    def gpt2_from_folder(cls, folder: str | Path) -> BPETokenizer:
        """Read GPT-2's tokenizer, or one of its kind, from `vocab.json` and `merges.txt`; vocab.json has the ids.

        Added tokens are read from `added_tokens.json` and `tokenizer_config.json`, if these lie beside the two.

        Raises:
            ValueError: a file is missing or unreadable, the files do not belong together, or they ask for something
                that GPT-2 does not do.
        """
        ranks, special = read_vocab_and_merges(Path(folder))
        return cls(GPT2_PATTERN, ranks, special)

    @classmethod
    def gpt2(cls) -> BPETokenizer:
        """Return GPT-2's tokenizer from tiktoken's cache; download it if it is not there (1.5 MB).

        Raises:
            ValueError: it is not in the cache and cannot be downloaded; the sentence says what to do offline.
        """
        try:
            encoding = tiktoken.get_encoding("gpt2")
        except (OSError, ValueError, AssertionError) as error:
            raise ValueError(
                f"GPT-2's vocabulary could not be downloaded ({type(error).__name__}). Offline: put its vocab.json and "
                "merges.txt into a folder and call BPETokenizer.gpt2_from_folder(folder), or set TIKTOKEN_CACHE_DIR "
                "to a folder that tiktoken has filled before"
            ) from error
        special = {name: encoding.encode_single_token(name) for name in encoding.special_tokens_set}
        tokens = (index for index in range(encoding.n_vocab) if index not in special.values())
        return cls(GPT2_PATTERN, {encoding.decode_single_token_bytes(i): i for i in tokens}, special)

    @staticmethod
    def gpt2_is_cached() -> bool:
        """Return True if `gpt2` needs no network, because tiktoken's cache on disk is complete. Download nothing."""
        return holds_gpt2()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BPETokenizer:
        """Read the data of `to_json`; raise ValueError if it is invalid."""
        pattern, tokens, special = data.get("pattern"), data.get("tokens"), data.get("special")
        if not isinstance(pattern, str) or not isinstance(tokens, list) or not isinstance(special, Mapping):
            raise ValueError("byte-pair data needs 'pattern' (a string), 'tokens' (a list) and 'special' (an object)")
        ranks: dict[bytes, int] = {}
        for index, token in enumerate(tokens):
            if token is not None and ranks.setdefault(_from_base64(token, index), index) != index:
                raise ValueError(f"token {index}, {token!r} in base64, is there twice; keep one")
        return cls(pattern, ranks, special)

    def to_json(self) -> dict[str, Any]:
        """Return plain data. `tokens` lists each token's bytes in base64, by id; null for no token or a special one."""
        tokens: list[str | None] = [None] * (max(self.ranks.values()) + 1)
        for raw, index in self.ranks.items():
            tokens[index] = base64.b64encode(raw).decode("ascii")
        return self._json("bpe", pattern=self.pattern, tokens=tokens, special=self.special)

    @property
    def vocab_size(self) -> int:
        return self._size

    @property
    def special_tokens(self) -> Mapping[str, int]:
        return self.special

    def encode(self, text: str) -> list[int]:
        refuse_surrogates(text)
        with as_value_error("tiktoken cannot work with this text"):
            ids = [index for piece in self._pieces(text) for index in self._encoding.encode_ordinary(piece)]
            if self._encoding.decode_bytes(ids) != text.encode():  # tiktoken silently skips unmatched text
                raise ValueError(f"the pattern {self.pattern!r} skips parts of this text; use one that matches all")
        return ids

    def _pieces(self, text: str) -> Iterator[str]:
        """Yield the text cut around long white space, where GPT-2's pattern cuts anyway; whole for other patterns."""
        start = 0
        for run in _LONG_RUN.finditer(text) if self.pattern == GPT2_PATTERN else ():
            last = run.end() - 1  # the last space begins the next word: " word" is one token
            yield text[start : run.start()]
            yield text[run.start() : last]
            start = last
        yield text[start:]

    def token_of(self, raw: bytes) -> int | None:
        return self.ranks.get(raw)

    def _bytes_or_none(self, index: int) -> bytes | None:
        return self._bytes.get(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BPETokenizer):
            return NotImplemented
        return (self.pattern, self.ranks, self.special) == (other.pattern, other.ranks, other.special)

    def __hash__(self) -> int:
        return hash((self.pattern, self.vocab_size, len(self.ranks)))

    def __repr__(self) -> str:
        return f"BPETokenizer({len(self.ranks)} tokens, {len(self.special)} special)"


def _check_ids(ids: list[object]) -> None:
    seen: set[object] = set()
    for index in ids:
        if type(index) is not int or not 0 <= index < MOST_IDS:
            raise ValueError(f"an id must be a whole number from 0 to {MOST_IDS - 1}, got {index!r}")
        if index in seen:
            raise ValueError(f"each id has one token, but {index} has two; keep one")
        seen.add(index)


def _from_base64(token: object, index: int) -> bytes:
    try:
        if isinstance(token, str):
            return base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ValueError(f"token {index} must be bytes in base64, got {token!r}")
