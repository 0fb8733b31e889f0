"""Tokenizers, from text to ids and back: characters, words, BPE, other kinds, plain ids. Re-exports only."""

from gptcore.tokenizer.base import Tokenizer
from gptcore.tokenizer.bpe import BPETokenizer
from gptcore.tokenizer.char import CharTokenizer
from gptcore.tokenizer.hf_json import read_tokenizer_json
from gptcore.tokenizer.library import LibraryTokenizer
from gptcore.tokenizer.meta_pkl import read_meta_pkl
from gptcore.tokenizer.plain import IdTokenizer
from gptcore.tokenizer.stored import tokenizer_from_json
from gptcore.tokenizer.table import TableTokenizer

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "IdTokenizer",
    "LibraryTokenizer",
    "TableTokenizer",
    "Tokenizer",
    "read_meta_pkl",
    "read_tokenizer_json",
    "tokenizer_from_json",
]
