"""GPT-2's `vocab.json` and `merges.txt` to the bytes of each token. This file knows these two formats, and no merging.

Both spell bytes as visible characters: byte 0x20, a space, is written U+0120. Source: GPT-2's `encoder.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

_REMEDY = "the two files belong to different models, or one is cut short; take both from the same place"


def _byte_of_character() -> dict[str, int]:
    """Visible Latin-1 characters stand for themselves; the other 68 bytes follow from U+0100, in order."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


BYTE_OF_CHARACTER = _byte_of_character()


def read_vocab_and_merges(folder: Path) -> tuple[dict[bytes, int], dict[str, int]]:
    """The ids of the tokens of text by their bytes, and of the special tokens (which no merge makes) by their name.

    Raises:
        ValueError: a file is missing or unreadable, or the two do not belong together.
    """
    vocab = _read_vocab(folder)
    made = {char for char in BYTE_OF_CHARACTER if char in vocab}
    last = -1
    for line, token in _merged_tokens(folder):
        if token not in vocab:
            raise ValueError(f"merges.txt, line {line}, makes {token!r}, which vocab.json does not have; {_REMEDY}")
        if token in made:
            continue
        if vocab[token] < last:
            raise ValueError(
                f"merges.txt, line {line}, makes {token!r} with id {vocab[token]} after a token with id {last}, "
                f"but ids follow the order of the merges; {_REMEDY}"
            )
        last = vocab[token]
        made.add(token)
    special = {token: index for token, index in vocab.items() if token not in made}
    for token in special:
        if not re.fullmatch(r"<.*>|\[.*\]", token):  # how special tokens are written; any other lost its merge
            raise ValueError(f"vocab.json has {token!r}, which no line of merges.txt makes; {_REMEDY}")
    return {bytes(BYTE_OF_CHARACTER[char] for char in token): vocab[token] for token in made}, special


def _read_vocab(folder: Path) -> dict[str, int]:
    try:
        vocab = json.loads(_read_text(folder, "vocab.json"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{folder / 'vocab.json'} is no JSON ({error}); take it again from where it came") from None
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise ValueError(f"{folder / 'vocab.json'} must be an object of token to id, as GPT-2's is")
    return vocab


def _merged_tokens(folder: Path) -> Iterator[tuple[int, str]]:
    """Each line's number and the token it makes: `h e` makes `he`. A first line `#version` is optional."""
    for line, text in enumerate(_read_text(folder, "merges.txt").split("\n"), start=1):
        text = text.removesuffix("\r")
        if not text or (line == 1 and text.startswith("#version")):
            continue
        parts = text.split(" ")
        if len(parts) != 2 or not all(parts) or not all(char in BYTE_OF_CHARACTER for char in "".join(parts)):
            raise ValueError(f"merges.txt, line {line}, must be two tokens with a space between, got {text[:80]!r}")
        yield line, "".join(parts)


def _read_text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"there is no {name} in {folder}; GPT-2's tokenizer is vocab.json and merges.txt") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / name} cannot be read ({error}); take it again from where it came") from None
