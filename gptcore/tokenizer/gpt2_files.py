"""GPT-2's `vocab.json` and `merges.txt` to the bytes of each token. This file knows these formats, and no merging.

Beside them may lie `tokenizer_config.json` and `added_tokens.json`, in which Hugging Face's library keeps added tokens;
the first of these also beside a `tokenizer.json`.
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
    remedy="the two files belong to different models, or one is cut short; take both from the same place",
)
_SETTINGS = "tokenizer_config.json"
_CHANGES = ("add_prefix_space", "add_bos_token", "add_eos_token", "do_lower_case")
_CLASSES = (None, "GPT2Tokenizer", "GPT2TokenizerFast")
_AS_IT_IS = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that take a tokenizer.json as it stands."""


def read_vocab_and_merges(folder: Path) -> tuple[dict[bytes, int], dict[str, int]]:
    """The ids of the tokens of text by their bytes, and of the special tokens (which no merge makes) by their name.

    Raises:
        ValueError: a file is missing or unreadable, they do not belong together, or they ask for more than GPT-2 does.
    """
    vocab = read_json(folder / "vocab.json", _WANTED)
    config = _object(folder / _SETTINGS)
    _check_settings(folder / _SETTINGS, config, _CHANGES)
    added = [*_added_in_config(folder / _SETTINGS, config), *_added_by_name(folder)]
    return checked(vocab, _merges(folder), added, _SOURCE)


def added_beside(folder: Path) -> Iterator[Added]:
    """What `tokenizer_config.json` adds to a `tokenizer.json` in the same folder.

    With such a file, transformers takes no tokens at the ends and no lower case from it, but the space before a text,
    unless the class takes the file as it stands.

    Raises:
        ValueError: it is damaged, or changes what text becomes.
    """
    path = folder / _SETTINGS
    config = _object(path)
    if config.get("tokenizer_class") not in _AS_IT_IS:
        _check_settings(path, config, ("add_prefix_space",))
    yield from _added_in_config(path, config)


def _merges(folder: Path) -> Iterator[Merge]:
    """Each line's two tokens: `h e` makes `he`. A first line `#version` is optional."""
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
        raise ValueError(f"{path} is of a {shown(config['tokenizer_class'])}; only a GPT2Tokenizer can be read")
    for name in changes:
        if config.get(name):
            raise ValueError(
                f"{path} has {name} {shown(config[name])}, which changes what text becomes; GPT-2 has none"
            )


def _added_in_config(path: Path, config: Mapping[str, object]) -> Iterator[Added]:
    """`tokenizer_config.json` lists them by id, and says whether they are special; older ones list none."""
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
    """`added_tokens.json` lists them by name, and does not say whether they are special."""
    path = folder / "added_tokens.json"
    for content, index in _object(path).items():
        if type(index) is not int:
            raise ValueError(f"{path} must be an object of token to id, got {shown(index)} for {shown(content)}")
        yield Added(content, index, None)


def _object(path: Path) -> dict[str, object]:
    """The object in the file; an empty one where there is no file."""
    found = read_json(path) if os.path.exists(path) else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path} must be an object, got {shown(found)}")
    return found
