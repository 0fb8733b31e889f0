"""Reader of the JSON data of a gptscope `tokenizer.json`. This file knows the kinds by name only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gptcore.tokenizer.base import FORMAT, VERSION, Tokenizer
from gptcore.tokenizer.bpe import BPETokenizer
from gptcore.tokenizer.char import CharTokenizer
from gptcore.tokenizer.library import LibraryTokenizer
from gptcore.tokenizer.plain import IdTokenizer
from gptcore.tokenizer.table import TableTokenizer

KINDS: dict[str, Callable[[Mapping[str, Any]], Tokenizer]] = {
    "char": CharTokenizer.from_json,
    "bpe": BPETokenizer.from_json,
    "ids": IdTokenizer.from_json,
    "table": TableTokenizer.from_json,
    "library": LibraryTokenizer.from_json,
}


def tokenizer_from_json(data: object) -> Tokenizer:
    """Return the tokenizer that `to_json` described.

    >>> tokenizer_from_json({"format": "gptscope-tokenizer", "version": 1, "kind": "char", "chars": "ab"})
    CharTokenizer(chars='ab')

    Raises:
        ValueError: the format is another, the version newer, the kind unknown, or the content invalid.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        found = f"format {data.get('format')!r}" if isinstance(data, Mapping) else f"a {type(data).__name__}"
        raise ValueError(f"a gptscope tokenizer is an object with format {FORMAT!r}, got {found}")
    version = data.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"'version' must be a whole number from 1 to {VERSION}, got {version!r}")
    if version > VERSION:
        raise ValueError(f"this tokenizer has version {version}, and at most {VERSION} can be read; update gptscope")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"'kind' must be one of {', '.join(KINDS)}, got {kind!r}")
    return KINDS[kind](data)
