"""Reader of GPT-2's `vocab.json` and `merges.txt`. This file knows these formats, and no merging.

Hugging Face's library keeps added tokens in `tokenizer_config.json` and `added_tokens.json` beside them; the first of
these may also lie beside a `tokenizer.json`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gptcore.tokenizer.bounded import read_json, read_text, shown
from gptcore.tokenizer.merges import BYTE_OF_CHARACTER, Added, Merge, Source, checked

_WANTED = "GPT-2's tokenizer is vocab.json and merges.txt"
_SOURCE = Source(
    vocab="vocab.json",
    merges="merges.txt",
    entry="line",
    remedy="the two files belong to different models, or one is cut short; take both from the same model",
)
_SETTINGS = "tokenizer_config.json"
_CHANGES = ("add_prefix_space", "add_bos_token", "add_eos_token", "do_lower_case")
_CLASSES = (None, "GPT2Tokenizer", "GPT2TokenizerFast")
_AS_IT_IS = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that use a tokenizer.json without changes."""


def read_vocab_and_merges(folder: Path) -> tuple[dict[bytes, int], dict[str, int]]:
    """Return bytes -> id of the tokens of text, and name -> id of the special tokens, which no merge makes.

    Raises:
        ValueError: a file is missing or unreadable, the files do not belong together, or they ask for something that
            GPT-2 does not do.
    """
    vocab = read_json(folder / "vocab.json", _WANTED)
    config = _object(folder / _SETTINGS)
    _check_settings(folder / _SETTINGS, config, _CHANGES)
    added = [*_added_in_config(folder / _SETTINGS, config), *_added_by_name(folder)]
    return checked(vocab, _merges(folder), added, _SOURCE)


def added_beside(folder: Path) -> Iterator[Added]:
    """Yield the tokens that `tokenizer_config.json` adds to a `tokenizer.json` in the same folder.

    Beside a `tokenizer.json`, transformers ignores its settings of end tokens and lower case, but not the space before
    a text, unless its class uses the tokenizer.json without changes.

    Raises:
        ValueError: the file is damaged, or changes the ids of a text.
    """
    path = folder / _SETTINGS
    config = _object(path)
    if config.get("tokenizer_class") not in _AS_IT_IS:
        _check_settings(path, config, ("add_prefix_space",))
    yield from _added_in_config(path, config)


def _merges(folder: Path) -> Iterator[Merge]:
    """Yield the merge of each line: `h e` makes `he`. A first line `#version` is optional."""
    for line, text in enumerate(read_text(folder / "merges.txt", _WANTED).split("\n"), start=1):
        text = text.removesuffix("\r")
        if not text or (line == 1 and text.startswith("#version")):
            continue
        parts = text.split(" ")
        if len(parts) != 2 or not all(parts) or not all(char in BYTE_OF_CHARACTER for char in "".join(parts)):
            raise ValueError(f"merges.txt, line {line}, must be two tokens with a space between, got {shown(text)}")
        yield Merge(line, parts[0], parts[1])


def _check_settings(path: Path, config: Mapping[str, object], changes: Iterable[str]) -> None:
    if config.get("tokenizer_class") not in _CLASSES:
        raise ValueError(f"{path} belongs to a {shown(config['tokenizer_class'])}; only a GPT2Tokenizer can be read")
    for name in changes:
        if config.get(name):
            raise ValueError(
                f"{path} has {name} {shown(config[name])}, which changes the ids of a text; GPT-2 does not have it"
            )


def _added_in_config(path: Path, config: Mapping[str, object]) -> Iterator[Added]:
    """Yield the added tokens of `tokenizer_config.json`, listed by id, special or not; older files list none."""
    listed = config.get("added_tokens_decoder", {})
    if not isinstance(listed, dict):
        raise ValueError(f"added_tokens_decoder in {path} must be an object of id to token, got {shown(listed)}")
    for index, token in listed.items():
        content, special = (token.get("content"), token.get("special")) if isinstance(token, dict) else (None, None)
        if not re.fullmatch("[0-9]{1,9}", index) or not isinstance(content, str) or type(special) is not bool:
            raise ValueError(
                f"added_tokens_decoder in {path} must give for each id an object with 'content' (text) and 'special' "
                f"(true or false), got {shown(token)} with content {shown(content)} for id {shown(index)}"
            )
        yield Added(content, int(index), special)


def _added_by_name(folder: Path) -> Iterator[Added]:
    """Yield the added tokens of `added_tokens.json`, listed by name; it does not tell which ones are special."""
    path = folder / "added_tokens.json"
    for content, index in _object(path).items():
        if type(index) is not int:
            raise ValueError(f"{path} must be an object of token to id, got {shown(index)} for {shown(content)}")
        yield Added(content, index, None)


def _object(path: Path) -> dict[str, object]:
    """Return the object in the file; {} if there is no file."""
    found = read_json(path) if os.path.exists(path) else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path} must be an object, got {shown(found)}")
    return found
