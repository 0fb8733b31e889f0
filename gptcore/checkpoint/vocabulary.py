"""Which tokenizer a checkpoint gets: the caller's, one that lies with its file, or GPT-2's if it was trained on that.

This file knows where vocabularies lie; `gptcore.tokenizer` reads them. Loading never asks the network for one, unless
the caller names GPT-2's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gptcore.checkpoint.base import CheckpointError
from gptcore.config import GPTConfig
from gptcore.tokenizer import (
    BPETokenizer,
    IdTokenizer,
    Tokenizer,
    read_meta_pkl,
    read_tokenizer_json,
    tokenizer_from_json,
)
from gptcore.tokenizer.base import FORMAT
from gptcore.tokenizer.bounded import read_json

ON_GPT2 = ("gpt2", "openwebtext", "shakespeare")
"""Data sets of nanoGPT that are GPT-2's tokens."""
GPT2_SIZES = (50257, 50304)
"""GPT-2's ids, and the same padded to a multiple of 64, as nanoGPT does."""
_WITHOUT = "Repair or remove it, pass the right one as tokenizer=..., or go without words by tokenizer='ids'"

PLAIN_IDS = IdTokenizer(2**31)
"""Stands for ids without words, of whatever model."""

Vocabulary = Tokenizer | str | os.PathLike[str]
"""A tokenizer, the path of its file or folder, the name of a data set that is GPT-2's tokens, or "ids" for none."""


def given(vocabulary: Vocabulary | None) -> Tokenizer | None:
    """What the caller chose.

    Raises:
        CheckpointError: there is no such file, or it is no vocabulary.
    """
    if vocabulary is None or isinstance(vocabulary, Tokenizer):
        return vocabulary
    text = os.fspath(vocabulary)
    if text == "ids":
        return PLAIN_IDS
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            if (found := _in_folder(path)) is not None:
                return found[0]
            raise ValueError("it is a folder without tokenizer.json, vocab.json and merges.txt, or meta.pkl")
        if path.is_file():
            return _from_file(path)
        if text in ON_GPT2:
            return BPETokenizer.gpt2()
    except (ValueError, OSError) as error:
        raise CheckpointError(f"the vocabulary {text!r} cannot be used: {error}") from error
    raise CheckpointError(
        f"there is no vocabulary {text!r}: give a tokenizer, the path of a meta.pkl, a tokenizer.json or a folder with "
        f"vocab.json and merges.txt, one of {', '.join(ON_GPT2)} for GPT-2's, or ids for none"
    )


def found_for(folder: Path, config: GPTConfig, notices: list[str], settings: object = None) -> Tokenizer:
    """The vocabulary that lies with a checkpoint's file, or GPT-2's by its training's settings; else plain ids.

    It lies in the same folder, or in nanoGPT's `data/<dataset>` next to that folder.

    Raises:
        CheckpointError: there is one that cannot be read, or that belongs to another model.
    """
    dataset = settings.get("dataset") if isinstance(settings, Mapping) else None
    places = [folder]
    if isinstance(dataset, str) and re.fullmatch(r"\w[\w.-]*", dataset):
        places.append(folder.absolute().parent / "data" / dataset)
    for place in places:
        try:
            found = _in_folder(place)
        except ValueError as error:
            raise CheckpointError(f"the vocabulary in {place} cannot be read: {error}. {_WITHOUT}") from None
        if found is not None:
            tokenizer, path = found
            _check_belongs(path, tokenizer, config)
            notices.append(f"the vocabulary was read from {path.name} {_where(path, folder)}")
            return tokenizer
    if dataset in ON_GPT2 and config.vocab_size in GPT2_SIZES:
        if BPETokenizer.gpt2_is_cached():
            notices.append(f"GPT-2's vocabulary was taken, because the model was trained on {dataset}")
            return BPETokenizer.gpt2()
        notices.append(
            f"the model was trained on {dataset}, which is GPT-2's tokens; pass tokenizer='gpt2' to download them "
            "(1.5 MB), or the path of a folder with GPT-2's vocab.json and merges.txt"
        )
    notices.append("there is no vocabulary: text is ids with spaces between; pass tokenizer=... for words")
    return PLAIN_IDS


def fitting(tokenizer: Tokenizer, config: GPTConfig, notices: list[str]) -> Tokenizer:
    """The tokenizer, unless the model lacks ids that it has; a padded vocabulary, the reverse, is a notice."""
    if tokenizer is PLAIN_IDS:
        return IdTokenizer(config.vocab_size)
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.vocab_size} ids, the model only {config.vocab_size} (vocab_size), so it "
            "belongs to another model; pass the right one as tokenizer=..."
        )
    if tokenizer.vocab_size < config.vocab_size:
        notices.append(
            f"the model has {config.vocab_size} ids, the tokenizer {tokenizer.vocab_size}: all are kept, "
            f"and ids from {tokenizer.vocab_size} on read 'unused'"
        )
    return tokenizer


def _where(path: Path, folder: Path) -> str:
    return "beside the file" if path.parent == folder else f"in {path.parent}"


def _in_folder(folder: Path) -> tuple[Tokenizer, Path] | None:
    for name in ("tokenizer.json", "vocab.json", "meta.pkl"):
        if (path := folder / name).is_file():
            return _from_file(path), path
    return None


def _from_file(path: Path) -> Tokenizer:
    """By content: a pickle is nanoGPT's meta.pkl, JSON is a tokenizer of ours or Hugging Face's, or a vocab.json."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head.lstrip().startswith(b"{"):
        return read_meta_pkl(path)
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} is JSON, but no object; take it again from where it came")
    if content.get("format") == FORMAT:
        return tokenizer_from_json(content)
    if isinstance(content.get("model"), dict):
        return read_tokenizer_json(path)
    return BPETokenizer.gpt2_from_folder(path.parent)


def _check_belongs(path: Path, tokenizer: Tokenizer, config: GPTConfig) -> None:
    """Vocabularies are padded to a multiple of 64 or 128; a model with far more ids had another vocabulary."""
    ids, V = tokenizer.vocab_size, config.vocab_size
    if not ids <= V <= -(-ids // 128) * 128:
        raise CheckpointError(
            f"{path} has {ids} ids, but the model has {V} (vocab_size), so they belong to different models. {_WITHOUT}"
        )
