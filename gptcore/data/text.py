"""Text in files as a stream: cut into splits by bytes, read piece by piece, so that its size does not matter.

Within a text, `<|endoftext|>` stands between two documents, as in many public data sets; the end of a file is the end
of a document, too. Knows no tokens.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptcore.data import sets
from gptcore.data.sets import DataError

END_OF_TEXT = "<|endoftext|>"
CHUNK = 2**22
"""Bytes read at a time."""
MOST_CHUNK = 2**26
"""Bytes that are held at most, where a text has no place to be cut."""
# Here GPT-2's pattern begins a new piece whatever stands around, so each side can be encoded by itself.
_SAFE_CUT = re.compile(r"\S(?= \S)")


@dataclass(frozen=True)
class Span:
    """A part of a file, in bytes."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class SplitText:
    """The parts of a text to train on, to hold out, and, where the data set has one, to test with."""

    train: tuple[Span, ...]
    val: tuple[Span, ...]
    test: tuple[Span, ...] = ()


def find_split(name_or_path: str) -> SplitText:
    """The text of a file, of all files `*.txt` below a folder, or of a named data set, cut into its splits.

    Raises:
        DataError: there is none, or it is empty.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        files = sorted(path for path in folder.rglob("*.txt") if path.is_file())
        if not files:
            raise DataError(f"{folder} holds no file *.txt; put the texts there, or give one file")
        return split_bytes(files)
    known = sets.DATASETS.get(name_or_path)
    path = sets.find_text(name_or_path)
    if known and known.held_out and not folder.is_file():
        return split_documents(path, known.held_out)
    return split_bytes([path])


def split_bytes(files: Sequence[Path], train_share: float = 0.9) -> SplitText:
    """The first 90 % of the bytes to train on, the rest held out, as nanoGPT's `prepare.py` does; no character is cut.

    Raises:
        DataError: there are no bytes.
    """
    sizes = [path.stat().st_size for path in files]
    if not sum(sizes):
        raise DataError(f"{files[0] if files else 'the text'} is empty; there is nothing to train on")
    left = int(sum(sizes) * train_share)
    train: list[Span] = []
    val: list[Span] = []
    for path, size in zip(files, sizes, strict=True):
        cut = _character_start(path, min(left, size), size)
        left = max(0, left - size)
        train.append(Span(path, 0, cut))
        val.append(Span(path, cut, size))
    return SplitText(_filled(train), _filled(val))


def split_documents(path: Path, held_out: tuple[int, int]) -> SplitText:
    """A text whose last documents are the published validation and test splits, so many of each."""
    raw, mark = path.read_bytes(), END_OF_TEXT.encode()
    starts = [0, *(found.end() for found in re.finditer(re.escape(mark), raw))]
    val, test = starts[-sum(held_out)], starts[-held_out[1]]
    return SplitText((Span(path, 0, val),), (Span(path, val, test),), (Span(path, test, len(raw)),))


def pieces(spans: Sequence[Span]) -> Iterator[tuple[str, bool]]:
    """The text in pieces that can be encoded one by one, each with whether a document ends after it.

    New lines around an end of text are left out. Memory does not grow with the text.

    Raises:
        DataError: a file is no UTF-8.
    """
    for span in spans:
        rest, begins = "", False
        for text in _decoded(span):
            *whole, rest = (rest + text).split(END_OF_TEXT)
            for document in whole:
                yield (document.lstrip("\n") if begins else document).rstrip("\n"), True
                begins = True
            if cut := _last_cut(rest):
                yield rest[:cut].lstrip("\n") if begins else rest[:cut], False
                rest, begins = rest[cut:], False
        yield rest.lstrip("\n") if begins else rest, span.end == span.path.stat().st_size


def _decoded(span: Span) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with span.path.open("rb") as file:
            file.seek(span.start)
            left = span.end - span.start
            while left and (raw := file.read(min(CHUNK, left))):
                left -= len(raw)
                yield decoder.decode(raw, final=not left)
    except UnicodeDecodeError as error:
        raise DataError(f"{span.path} is not UTF-8 text ({error.reason}); convert it first") from None


def _last_cut(text: str) -> int:
    """Where the last safe cut of the text is; 0 for none. A text without any is cut anywhere when it grows too long."""
    tail = max(0, len(text) - 10_000)
    found = max((match.end() for match in _SAFE_CUT.finditer(text, tail)), default=0)
    return found or (len(text) - len(END_OF_TEXT) if len(text) > MOST_CHUNK else 0)


def _character_start(path: Path, at: int, size: int) -> int:
    """`at`, or the few bytes further where a character begins."""
    if not 0 < at < size:
        return at
    with path.open("rb") as file:
        file.seek(at)
        return at + next((i for i, byte in enumerate(file.read(4)) if byte & 0xC0 != 0x80), 0)


def _filled(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.start < span.end)
