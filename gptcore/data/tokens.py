"""From text to token ids, piece by piece: small ones in memory, large ones in a file. This file knows no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gptcore.data.cache import cache_folder, write_once
from gptcore.data.errors import DataError
from gptcore.data.text import END_OF_TEXT, Span, file_size, pieces
from gptcore.data.windows import Tokens
from gptcore.tokenizer import BPETokenizer, Tokenizer

Kind: TypeAlias = type[np.uint16] | type[np.uint32]
SMALL = 2**26
"""Largest text, in bytes, whose ids are kept in memory."""
VERSION = 1
"""Version of the steps from text to ids. Each change of these steps must raise it, so that no stale file is reused."""


def tokenized(spans: Sequence[Span], tokenizer: Tokenizer) -> Tokens:
    """Return the ids (N,) of a text, with an end-of-text id after each document if the vocabulary has one.

    The ids of more than `SMALL` bytes are written once to a file in the cache folder, in bounded memory, and then
    mapped. The file is reused for the same tokenizer and texts of the same paths, sizes and modification times.

    Raises:
        DataError: the text cannot be read, the file cannot be written, or the text was changed meanwhile.
        ValueError: the text has characters that the tokenizer lacks.
    """
    if text_size(spans) <= SMALL:
        parts = list(_encoded(spans, tokenizer))
        return np.concatenate(parts) if parts else np.zeros(0, _dtype(tokenizer))
    file = cache_folder() / "tokens" / f"{_identity(spans, tokenizer)}.npy"
    write_once(file, lambda opened: _write(opened, spans, tokenizer, file.stem))
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is damaged ({error}); delete it, and it will be written again") from error


def end_of_text(tokenizer: Tokenizer) -> int | None:
    """Return the id that ends a document; None for a vocabulary without one."""
    return tokenizer.special.get(END_OF_TEXT) if isinstance(tokenizer, BPETokenizer) else None


def text_size(spans: Sequence[Span]) -> int:
    """Return the size in bytes."""
    return sum(span.end - span.start for span in spans)


def progress(spans: Sequence[Span], what: str) -> AbstractContextManager[Any]:
    """Return a progress bar over the bytes of a text; it is hidden for a small one."""
    from tqdm import tqdm  # an optional package, needed only to train

    size = text_size(spans)
    return tqdm(total=size, unit="B", unit_scale=True, desc=what, disable=size <= SMALL, dynamic_ncols=True)


def _encoded(
    spans: Sequence[Span], tokenizer: Tokenizer, read: Callable[[int], object] = lambda count: None
) -> Iterator[NDArray[Any]]:
    end, kind = end_of_text(tokenizer), _dtype(tokenizer)
    for text, ends in pieces(spans, read):
        ids = tokenizer.encode(text)
        yield np.array([*ids, end] if ends and end is not None else ids, dtype=kind)


def _dtype(tokenizer: Tokenizer) -> Kind:
    return np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32


def _write(file: IO[bytes], spans: Sequence[Span], tokenizer: Tokenizer, identity: str) -> None:
    """Write a `.npy` file. Its header holds the number of ids, known only at the end, so it is written twice."""
    count = 0
    _write_header(file, tokenizer, count)
    begins = file.tell()
    with progress(spans, "tokens") as bar:
        for ids in _encoded(spans, tokenizer, bar.update):
            file.write(ids.tobytes())
            count += len(ids)
    file.seek(0)
    _write_header(file, tokenizer, count)
    assert file.tell() == begins  # numpy pads the header, so that a larger number fits
    if _identity(spans, tokenizer) != identity:
        raise DataError(f"{spans[0].path.parent}: a text was changed while it was read; start again")


def _write_header(file: IO[bytes], tokenizer: Tokenizer, count: int) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(_dtype(tokenizer)))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (count,)})


def _identity(spans: Sequence[Span], tokenizer: Tokenizer) -> str:
    """Return a hash of the text, by its files' facts, and of the whole tokenizer."""
    files = [[str(span.path.resolve()), _changed(span.path), span.start, span.end] for span in spans]
    return hashlib.sha256(json.dumps([VERSION, files, tokenizer.to_json()]).encode()).hexdigest()[:32]


def _changed(path: Path) -> list[int]:
    return [file_size(path), path.stat().st_mtime_ns]
