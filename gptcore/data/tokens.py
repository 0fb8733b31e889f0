"""Text to token ids, piece by piece: in memory where it is small, in a file on disk where it is not. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptcore.data.text import END_OF_TEXT, Span, pieces
from gptcore.data.windows import Tokens
from gptcore.tokenizer import BPETokenizer, Tokenizer


def tokenized(spans: Sequence[Span], tokenizer: Tokenizer) -> Tokens:
    """The ids (N,) of a text, an end-of-text id after each document where the vocabulary has one."""
    end = end_of_text(tokenizer)
    kind = np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32
    parts = []
    for text, ends in pieces(spans):
        ids = tokenizer.encode(text)
        parts.append(np.array([*ids, end] if ends and end is not None else ids, dtype=kind))
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def end_of_text(tokenizer: Tokenizer) -> int | None:
    """The id that ends a document; None for a vocabulary without one."""
    return tokenizer.special.get(END_OF_TEXT) if isinstance(tokenizer, BPETokenizer) else None
