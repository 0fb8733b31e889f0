"""Vocabularies of other kinds than GPT-2's, by Hugging Face's `tokenizers`: WordPiece, Unigram, BPE with options.

The library is asked for only when such a file is there. It may change a text (Bert's makes it lower case), so text
that was encoded does not always come back; the ids are those that the library gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, SupportsIndex

from gptcore.tokenizer.base import Tokenizer, not_negative, refuse_surrogates
from gptcore.tokenizer.bounded import read_text
from gptcore.tokenizer.panics import as_value_error


class LibraryTokenizer(Tokenizer):
    """A tokenizer that the `tokenizers` library runs, without the tokens that it would add around a text.

    >>> import tokenizers
    >>> made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"the": 0, "cat": 1, "?": 2}, unk_token="?"))
    >>> made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> tokenizer = LibraryTokenizer(made.to_str())
    >>> tokenizer.encode("the cat"), tokenizer.label(1), tokenizer.vocab_size
    ([0, 1], 'cat', 3)
    >>> tokenizer.encode("the dog"), tokenizer.unknown
    ([0, 2], 2)

    Raises:
        ValueError: the library is not there, or cannot read the data.
    """

    def __init__(self, data: str) -> None:
        with as_value_error("the package tokenizers cannot read it"):
            self._made = _library().Tokenizer.from_str(data)
            self._made.no_truncation()
            self._made.no_padding()
            self._texts = {index: text for text, index in self._made.get_vocab(with_added_tokens=True).items()}
        if not self._texts:
            raise ValueError("this vocabulary has no tokens; take the file that belongs to the model")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LibraryTokenizer:
        """Read the data of `to_json`; raise ValueError if it is invalid."""
        return cls(json.dumps(data.get("tokenizer")))

    @classmethod
    def from_word_pieces(cls, path: Path) -> LibraryTokenizer:
        """Read Bert's `vocab.txt`: a token a line. Text is made lower case where no token has a capital letter."""
        tokens = read_text(path).splitlines()
        ids = {token: index for index, token in enumerate(tokens)}
        with as_value_error("the package tokenizers cannot read it"):
            library = _library()
            unknown = next((token for token in ("[UNK]", "<unk>") if token in ids), "[UNK]")
            made = library.Tokenizer(library.models.WordPiece(ids, unk_token=unknown))
            named = [token for token in tokens if token[:1] in "[<" and token[-1:] in "]>" and len(token) > 2]
            lower = not any(token != token.lower() for token in tokens if token not in named)
            made.normalizer = library.normalizers.BertNormalizer(lowercase=lower)
            made.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
            made.decoder = library.decoders.WordPiece()
            made.add_special_tokens(named)
            return cls(made.to_str())

    def to_json(self) -> dict[str, Any]:
        return self._json("library", tokenizer=json.loads(self._made.to_str()))

    @property
    def vocab_size(self) -> int:
        return max(self._texts) + 1

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        added = self._made.get_added_tokens_decoder()
        return {token.content: index for index, token in added.items()}

    @property
    def unknown(self) -> int | None:
        token = getattr(self._made.model, "unk_token", None)
        found: int | None = None if token is None else self._made.token_to_id(token)
        return found

    def encode(self, text: str) -> list[int]:
        refuse_surrogates(text)
        with as_value_error("the package tokenizers cannot encode this text"):
            ids: list[int] = self._made.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Return the text as the library writes it; an id without a token stands apart, as `unused (50300)`."""
        found = []
        for known, run in groupby([not_negative(index) for index in ids], lambda index: index in self._texts):
            if known:
                with as_value_error("the package tokenizers cannot decode these ids"):
                    found.append(self._made.decode([*run], skip_special_tokens=False))
            else:
                found += [self._shown_bytes(index).decode() for index in run]
        return " ".join(found)

    def _bytes_or_none(self, index: int) -> bytes | None:
        found = self._texts.get(index)
        if found is not None and type(self._made.decoder).__name__ == "ByteLevel":
            found = self.decode([index]) or found
        return None if found is None else found.encode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LibraryTokenizer) and self._made.to_str() == other._made.to_str()

    def __hash__(self) -> int:
        return hash((len(self._texts), self.vocab_size))

    def __repr__(self) -> str:
        return f"LibraryTokenizer({type(self._made.model).__name__}, {len(self._texts)} tokens)"

    def __reduce__(self) -> tuple[type[LibraryTokenizer], tuple[str]]:
        return LibraryTokenizer, (self._made.to_str(),)


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ValueError("it is read by the package tokenizers, which is not here: pip install tokenizers") from None
    return tokenizers
