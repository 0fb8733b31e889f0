"""Files of token ids as nanoGPT's `prepare.py` writes them: `train.bin` and `val.bin`, uint16, with `meta.pkl` or not.

A file is known by its content, never by its name alone: text has no zero bytes, and ids of two bytes have many.
Source: nanoGPT's `data/shakespeare_char/prepare.py` and `data/openwebtext/prepare.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gptcore.data.errors import DataError
from gptcore.data.windows import Tokens
from gptcore.tokenizer import BPETokenizer, IdTokenizer, Tokenizer, read_meta_pkl

TRAIN, VAL, META = "train.bin", "val.bin", "meta.pkl"
LOOKED_AT = 2**16
"""Bytes from the beginning of a file that are looked at."""
CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
"""Bytes that no text has, or hardly any."""
SHARE = 0.2
"""Share of such bytes from which a file is no text: ids below 256 give half of them."""
LEAST = 32
"""Bytes of a file that are enough to tell."""
GPT2 = 50257
AS_GPT2 = 4096
"""Largest id from which ids without a vocabulary beside them are GPT-2's, as nanoGPT's own are."""
AT_ONCE = 2**24
KNOWN = {
    "a NumPy array (.npy)": (b"\x93NUMPY",),
    "a zip archive": (b"PK\x03\x04",),
    "a gzip archive": (b"\x1f\x8b",),
    "text in UTF-16": (b"\xff\xfe", b"\xfe\xff"),
    "a Parquet file": (b"PAR1",),
    "a pickle": (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    "an Arrow file": (b"ARROW1",),
    "a PDF": (b"%PDF",),
}
"""Files that are no text, by how they begin."""


def is_binary(path: Path) -> bool:
    """Return True for a file that is no text, by its first bytes.

    Raises:
        DataError: the file cannot be read.
    """
    head = _head(path)
    if _known(path):
        return True
    if len(head) < LEAST:
        return False
    counts = np.bincount(np.frombuffer(head, np.uint8), minlength=256)
    odd = int(counts[list(CONTROLS)].sum())
    return odd > SHARE * len(head) or (path.suffix == ".bin" and (odd > 0 or not _is_utf8(head)))


def is_token_file(path: Path) -> bool:
    """Return True for a binary file named `*.bin`, which holds token ids of two bytes."""
    return path.suffix == ".bin" and path.is_file() and is_binary(path) and not _known(path)


def refuse_binary(path: Path) -> None:
    """Raise a DataError for a file that is no text."""
    if is_binary(path):
        kind = _known(path)
        raise DataError(
            f"{path} is {kind or 'a binary file'}, where a text in UTF-8 is expected; give a text, or the train.bin "
            "and val.bin that nanoGPT's prepare.py writes: ids as uint16, with meta.pkl beside them or GPT-2's ids"
        )


def find_token_files(path: Path) -> tuple[Path, Path | None] | None:
    """Return the files of ids for training and for validation at a path; None where there are none.

    Validation has `val.bin` beside `train.bin`; without it a part of the one file will serve.
    """
    if path.is_dir() and (path / TRAIN).is_file() and not any(path.rglob("*.txt")):
        path = path / TRAIN
    if not is_token_file(path):
        return None
    val = path.with_name(VAL)
    return path, val if path.name == TRAIN and val.is_file() else None


def read_tokens(path: Path) -> Tokens:
    """Return the ids (N,) uint16 of a file, mapped.

    Raises:
        DataError: the file cannot be read, or its size is odd.
    """
    try:
        size = path.stat().st_size
        if size % 2:
            raise DataError(f"{path} has {size:,} bytes, and ids of two bytes need an even number; write it again")
        return np.memmap(path, dtype=np.uint16, mode="r")
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read ({error}); write it again") from None


def vocabulary(path: Path, largest: int, gpt2: bool) -> Tokenizer:
    """Return the vocabulary of a file of ids: that of `meta.pkl` beside it; GPT-2's; or plain ids.

    Args:
        largest: the largest id in the files.
        gpt2: the caller asks for GPT-2's, which is downloaded then.

    Raises:
        DataError: `meta.pkl` cannot be read.
        ValueError: GPT-2's vocabulary cannot be downloaded.
    """
    meta = path.with_name(META)
    if meta.is_file():
        try:
            return read_meta_pkl(meta)
        except ValueError as error:
            raise DataError(f"{error}; repair it, or take it away to train on plain ids") from None
    if gpt2 or (AS_GPT2 <= largest < GPT2 and BPETokenizer.gpt2_is_cached()):
        return BPETokenizer.gpt2()
    return IdTokenizer(GPT2 if AS_GPT2 <= largest < GPT2 else largest + 1)


def largest_id(tokens: Tokens) -> int:
    """Return the largest id of a file of any size, in bounded memory; -1 for none."""
    return max((int(tokens[at : at + AT_ONCE].max()) for at in range(0, len(tokens), AT_ONCE)), default=-1)


def check_ids(path: Path, tokens: Tokens, tokenizer: Tokenizer) -> None:
    """Raise a DataError where a file has ids that a vocabulary does not have."""
    largest = largest_id(tokens)
    if largest >= tokenizer.vocab_size:
        raise DataError(
            f"{path} holds the id {largest}, and the vocabulary has {tokenizer.vocab_size} ids, from 0; put the "
            "meta.pkl beside it that belongs to it"
        )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LOOKED_AT)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the file") from None


def _known(path: Path) -> str:
    """Return the kind of a file that begins as others of its kind do; "" for any other.

    Ids may begin with any few bytes, so those of a `.bin` must be many.
    """
    head, least = _head(path), 6 if path.suffix == ".bin" else 1
    for kind, starts in KNOWN.items():
        if any(len(start) >= least and head.startswith(start) for start in starts):
            return kind
    return ""


def _is_utf8(head: bytes) -> bool:
    """Return True for UTF-8 text, whose last character may be cut."""
    try:
        head[: LOOKED_AT - 4].decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4
    return True
