"""Text to token ids, piece by piece: in memory where it is small, in a file on disk where it is not. Knows no model."""

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
"""Bytes of text of which the ids are kept in memory."""
VERSION = 1
"""Of the way from a text to its ids: to be raised with every change of it, so that no old file is taken for new."""


def tokenized(spans: Sequence[Span], tokenizer: Tokenizer) -> Tokens:
    """The ids (N,) of a text, an end-of-text id after each document where the vocabulary has one.

    Of a text of more than `SMALL` bytes they are written to a file in the cache folder once, in bounded memory, and
    then mapped. The file belongs to these files, as long as their sizes and times of change stay, and this tokenizer.

    Raises:
        DataError: the text cannot be read, the file not be written, or the text was changed meanwhile.
        ValueError: the text has characters that the tokenizer does not.
    """
    if text_size(spans) <= SMALL:
        parts = list(_encoded(spans, tokenizer))
        return np.concatenate(parts) if parts else np.zeros(0, _dtype(tokenizer))
    file = cache_folder() / "tokens" / f"{_identity(spans, tokenizer)}.npy"
    write_once(file, lambda opened: _write(opened, spans, tokenizer, file.stem))
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is damaged ({error}); delete it, and it is written again") from error


def end_of_text(tokenizer: Tokenizer) -> int | None:
    """The id that ends a document; None for a vocabulary without one."""
    return tokenizer.special.get(END_OF_TEXT) if isinstance(tokenizer, BPETokenizer) else None


def text_size(spans: Sequence[Span]) -> int:
    """In bytes."""
    return sum(span.end - span.start for span in spans)


def progress(spans: Sequence[Span], what: str) -> AbstractContextManager[Any]:
    """A bar over the bytes of a text; of a small one it is not shown."""
    from tqdm import tqdm  # only who trains needs it

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
    """A `.npy` file: its header holds the number of ids, which is known at the end, and is written again then."""
    count = 0
    _write_header(file, tokenizer, count)
    begins = file.tell()
    with progress(spans, "tokens") as bar:
        for ids in _encoded(spans, tokenizer, bar.update):
            file.write(ids.tobytes())
            count += len(ids)
    file.seek(0)
    _write_header(file, tokenizer, count)
    assert file.tell() == begins  # numpy leaves room for the number to grow
    if _identity(spans, tokenizer) != identity:
        raise DataError(f"{spans[0].path.parent}: a text was changed while it was read; start again")


def _write_header(file: IO[bytes], tokenizer: Tokenizer, count: int) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(_dtype(tokenizer)))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (count,)})


def _identity(spans: Sequence[Span], tokenizer: Tokenizer) -> str:
    """Of the text, by its files, and of the tokenizer, by all of it."""
    files = [[str(span.path.resolve()), _changed(span.path), span.start, span.end] for span in spans]
    return hashlib.sha256(json.dumps([VERSION, files, tokenizer.to_json()]).encode()).hexdigest()[:32]


def _changed(path: Path) -> list[int]:
    return [file_size(path), path.stat().st_mtime_ns]
