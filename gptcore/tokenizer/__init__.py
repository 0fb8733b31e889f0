"""Tokenizers, from text to ids and back without losing a byte: characters, BPE, or plain ids. Re-exports only."""

from gptcore.tokenizer.base import Tokenizer
from gptcore.tokenizer.bpe import BPETokenizer
from gptcore.tokenizer.char import CharTokenizer
from gptcore.tokenizer.hf_json import read_tokenizer_json
from gptcore.tokenizer.meta_pkl import read_meta_pkl
from gptcore.tokenizer.plain import IdTokenizer
from gptcore.tokenizer.stored import tokenizer_from_json

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "IdTokenizer",
    "Tokenizer",
    "read_meta_pkl",
    "read_tokenizer_json",
    "tokenizer_from_json",
]
