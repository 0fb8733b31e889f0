"""Text in files as a stream: cut into splits by bytes, read piece by piece, so that its size does not matter.

Within a text, `<|endoftext|>` stands between two documents, as in many public data sets; the end of a file is the end
of a document, too. Knows no tokens.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptcore.data import sets
from gptcore.data.errors import DataError

END_OF_TEXT = "<|endoftext|>"
CHUNK = 2**22
"""Bytes read at a time."""
LONG = 2**23
"""Characters that wait for the usual cut; of more, another is looked for."""
MOST = 2**24
"""Characters that wait for a cut at all: a word of 16 million letters."""
NEAR = 10_000
"""How far back a cut is looked for, in characters."""
# At these GPT-2's pattern begins a new piece whatever stands around, so each side can be encoded by itself: before the
# space of a word, which most other patterns keep, too; and, where a long text has none, before any white space, and
# between a letter or digit and what is neither. A mark of 13 characters that has begun at the end is not cut.
_SAFE_CUT = re.compile(r"\S(?= \S)")
_RARE_CUT = re.compile(r"\S(?=[ \t\n\r])|[A-Za-z](?=[0-9!-/:-@\[-`{-~])|[0-9](?=[A-Za-z!-/:-@\[-`{-~])")


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
    sizes = [file_size(path) for path in files]
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


def pieces(spans: Sequence[Span], read: Callable[[int], object] = lambda count: None) -> Iterator[tuple[str, bool]]:
    """The text in pieces that can be encoded one by one, each with whether a document ends after it.

    New lines around an end of text are left out. Memory does not grow with the text. Encoded with GPT-2's pattern, or
    by characters, the pieces give the ids of their whole documents, however they were cut; only a word, or white space,
    of more than `MOST` characters is cut all the same. `read` is told how many bytes were read.

    Raises:
        DataError: a file is no UTF-8, or is not there any more, or is shorter than it was.
    """
    for span in spans:
        rest, begins = "", False
        for text in _decoded(span, read):
            *whole, rest = (rest + text).split(END_OF_TEXT)
            for document in whole:
                yield (document.lstrip("\n") if begins else document).rstrip("\n"), True
                begins = True
            if cut := _last_cut(rest):
                yield rest[:cut].lstrip("\n") if begins else rest[:cut], False
                rest, begins = rest[cut:], False
        yield rest.lstrip("\n") if begins else rest, span.end == file_size(span.path)


def file_size(path: Path) -> int:
    """In bytes.

    Raises:
        DataError: the file is not there.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise _gone(path, error) from error


def _gone(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read ({error.strerror or error}); put it back, or start again without it")


def _decoded(span: Span, read: Callable[[int], object]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = span.start
    try:
        with span.path.open("rb") as file:
            file.seek(at)
            while at < span.end:
                raw = file.read(min(CHUNK, span.end - at))
                if not raw:
                    raise DataError(f"{span.path} became shorter while it was read; leave it alone, and start again")
                begun = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(raw, final=at + len(raw) == span.end)
                except UnicodeDecodeError as error:
                    where = at - begun + error.start
                    raise DataError(
                        f"{span.path} is not UTF-8 text ({error.reason} at byte {where}); convert it first"
                    ) from None
                at += len(raw)
                read(len(raw))
                yield text
    except OSError as error:
        raise _gone(span.path, error) from error


def _last_cut(text: str) -> int:
    """Where the last safe cut of the text is; 0 for none. A text without any is cut anywhere when it grows too long."""
    if (found := _last_match(_SAFE_CUT, text, len(text), NEAR)) or len(text) < LONG:
        return found
    end = len(text) - len(END_OF_TEXT)
    for far in (NEAR, len(text)):
        if found := _last_match(_RARE_CUT, text, end, far):
            return found
    return end if len(text) > MOST else 0


def _last_match(pattern: re.Pattern[str], text: str, end: int, far: int) -> int:
    return max((match.end() for match in pattern.finditer(text, max(0, end - far), end)), default=0)


def _character_start(path: Path, at: int, size: int) -> int:
    """`at`, or the few bytes further where a character begins."""
    if not 0 < at < size:
        return at
    try:
        with path.open("rb") as file:
            file.seek(at)
            found = file.read(4)
    except OSError as error:
        raise _gone(path, error) from error
    return at + next((i for i, byte in enumerate(found) if byte & 0xC0 != 0x80), len(found))


def _filled(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.start < span.end)
