"""The choice of a checkpoint's tokenizer: the caller's, one beside its file, or GPT-2's if it was trained with that.

This file knows where vocabularies lie; `gptcore.tokenizer` reads them. One that the caller names must be right; one
that merely lies there and cannot be used is told, and the model opens with ids. A vocabulary is downloaded only if the
caller names GPT-2's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gptcore.checkpoint.base import VocabularyError
from gptcore.config import GPTConfig
from gptcore.tokenizer import (
    BPETokenizer,
    IdTokenizer,
    LibraryTokenizer,
    Tokenizer,
    read_meta_pkl,
    read_tokenizer_json,
)
from gptcore.tokenizer.base import FORMAT
from gptcore.tokenizer.bounded import read_json
from gptcore.tokenizer.strangers import from_stranger, guarded, library

ON_GPT2 = ("gpt2", "openwebtext", "shakespeare")
"""Data sets of nanoGPT that are encoded with GPT-2's tokenizer."""
GPT2_SIZES = (50257, 50304)
"""Sizes of GPT-2's vocabulary: as it is, and padded to a multiple of 64, as nanoGPT does."""
FILES = ("tokenizer.json", "vocab.json", "meta.pkl", "vocab.txt")
"""Vocabularies that can be read, in the order in which they are looked for."""
SENTENCE_PIECE = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""Vocabularies of a library that gptscope does not use."""
_WITHOUT = "text is ids separated by spaces; repair or remove it, or pass the right one as tokenizer=..."

PLAIN_IDS = IdTokenizer(2**31)
"""Placeholder for plain ids, before the model's vocab_size is known."""

Vocabulary = Tokenizer | str | os.PathLike[str]
"""A tokenizer, the path of its file or folder, a data set encoded with GPT-2's tokenizer, or "ids" for plain ids."""


def given(vocabulary: Vocabulary | None) -> Tokenizer | None:
    """Return the tokenizer that the caller chose; None if the caller chose none.

    Raises:
        VocabularyError: there is no such file, or it is not a vocabulary.
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
            raise ValueError("it is a folder without tokenizer.json, vocab.json and merges.txt, meta.pkl or vocab.txt")
        if path.is_file():
            return _from_file(path)
        if text in ON_GPT2:
            return BPETokenizer.gpt2()
    except (ValueError, OSError) as error:
        raise VocabularyError(f"the vocabulary {text!r} cannot be used: {error}") from error
    raise VocabularyError(
        f"there is no vocabulary {text!r}: give a tokenizer, the path of a meta.pkl, a tokenizer.json or a folder with "
        f"vocab.json and merges.txt, one of {', '.join(ON_GPT2)} for GPT-2's, or ids for plain ids"
    )


def found_for(folder: Path, config: GPTConfig, notices: list[str], settings: object = None) -> Tokenizer:
    """Return the vocabulary beside a checkpoint's file, or GPT-2's if the training's settings say so; else plain ids.

    Two places are searched: the file's folder, and nanoGPT's `data/<dataset>` next to that folder. One that cannot be
    read, or that belongs to another model, becomes a notice and plain ids.
    """
    dataset = settings.get("dataset") if isinstance(settings, Mapping) else None
    places = [folder]
    if isinstance(dataset, str) and re.fullmatch(r"\w[\w.-]*", dataset):
        places.append(folder.absolute().parent / "data" / dataset)
    for place in places:
        try:
            found = _in_folder(place)
        except (ValueError, OSError) as error:
            notices.append(f"the vocabulary in {place} cannot be read: {error}. Until then {_WITHOUT}")
            return PLAIN_IDS
        if found is not None:
            tokenizer, path = found
            if why := _stranger(path, tokenizer, config):
                notices.append(f"{why}. Until then {_WITHOUT}")
                return PLAIN_IDS
            notices.append(f"the vocabulary was read from {path.name} {_where(path, folder)}")
            return tokenizer
    if dataset in ON_GPT2 and config.vocab_size in GPT2_SIZES:
        if BPETokenizer.gpt2_is_cached():
            notices.append(f"GPT-2's vocabulary is used, because the model was trained on {dataset}")
            return BPETokenizer.gpt2()
        notices.append(
            f"the model was trained on {dataset}, encoded with GPT-2's tokenizer; pass tokenizer='gpt2' to download it "
            "(1.5 MB), or the path of a folder with GPT-2's vocab.json and merges.txt"
        )
    notices.append("there is no vocabulary: text is ids separated by spaces; pass tokenizer=... for words")
    return PLAIN_IDS


def fitting(tokenizer: Tokenizer, config: GPTConfig, notices: list[str]) -> Tokenizer:
    """Return the tokenizer. Raise if the model lacks some of its ids; add a notice if the model has more (padding)."""
    if tokenizer is PLAIN_IDS:
        return IdTokenizer(config.vocab_size)
    if tokenizer.vocab_size > config.vocab_size:
        raise VocabularyError(
            f"the tokenizer has {tokenizer.vocab_size} ids, the model only {config.vocab_size} (vocab_size), so it "
            "belongs to another model; pass the right one as tokenizer=..."
        )
    if tokenizer.vocab_size < config.vocab_size:
        notices.append(
            f"the model has {config.vocab_size} ids, the tokenizer {tokenizer.vocab_size}: all are kept, "
            f"and ids from {tokenizer.vocab_size} on are shown as 'unused'"
        )
    return tokenizer


def _where(path: Path, folder: Path) -> str:
    return "beside the file" if path.parent == folder else f"in {path.parent}"


def _in_folder(folder: Path) -> tuple[Tokenizer, Path] | None:
    for name in FILES:
        if (path := folder / name).is_file():
            return _from_file(path), path
    for name in SENTENCE_PIECE:
        if (folder / name).is_file():
            raise ValueError(
                f"{folder / name} is SentencePiece's, which is not read here; save it as a tokenizer.json: "
                "transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
            )
    return None


def _from_file(path: Path) -> Tokenizer:
    """Read by content: a pickle is nanoGPT's meta.pkl; JSON is gptscope's or Hugging Face's file, or a vocab.json.

    Hugging Face's file of another kind than GPT-2's is read by its own library.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if path.suffix == ".txt":
        return LibraryTokenizer.from_word_pieces(path)
    if not head.lstrip().startswith(b"{"):
        return guarded(read_meta_pkl(path))
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} is JSON, but not an object; copy or download it again")
    if content.get("format") == FORMAT:
        return from_stranger(content)
    if isinstance(content.get("model"), dict):
        try:
            return read_tokenizer_json(path)
        except ValueError as ours:
            try:
                return from_stranger(library(content))
            except ValueError as theirs:
                raise ValueError(f"{ours}; and {theirs}") from None
    return BPETokenizer.gpt2_from_folder(path.parent)


def _stranger(path: Path, tokenizer: Tokenizer, config: GPTConfig) -> str:
    """Return why a vocabulary is not this model's: padding goes to a multiple of 64 or 128. "" where it may be."""
    ids, V = tokenizer.vocab_size, config.vocab_size
    if ids <= V <= -(-ids // 128) * 128:
        return ""
    return f"{path} has {ids} ids, but the model has {V} (vocab_size), so they belong to different models"
