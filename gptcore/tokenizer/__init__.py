"""Text to ids and back, without losing a byte: characters, byte-pair encoding, or plain ids. Re-exports only."""

from gptcore.tokenizer.base import Tokenizer
from gptcore.tokenizer.bpe import BPETokenizer
from gptcore.tokenizer.char import CharTokenizer
from gptcore.tokenizer.plain import IdTokenizer
from gptcore.tokenizer.stored import tokenizer_from_json

__all__ = ["BPETokenizer", "CharTokenizer", "IdTokenizer", "Tokenizer", "tokenizer_from_json"]
