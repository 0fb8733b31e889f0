"""Text in files as a stream: cut into splits by bytes, read piece by piece, so that text of any size fits in memory.

In a text, `<|endoftext|>` separates two documents, as in many public data sets; the end of a file also ends a document.
This file knows no tokens.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gptcore.data import sets
from gptcore.data.errors import DataError
from gptcore.data.token_files import refuse_binary

END_OF_TEXT = "<|endoftext|>"
CHUNK = 2**22
"""Number of bytes read at a time."""
LONG = 2**23
"""Number of characters without a usual cut after which rarer cuts are tried."""
MOST = 2**24
"""Number of characters without any safe cut, such as a word of 16 million letters, after which any cut is made."""
NEAR = 10_000
"""Distance from the end, in characters, within which a cut is searched first."""
# At these places GPT-2's pattern begins a new piece whatever the text around, so each side can be encoded by itself:
# before the space of a word, where most other patterns cut, too; and, in a long text without that, before any white
# space, and between a letter or digit and another kind of character. The last 13 characters may be the beginning of an
# end-of-text mark, so the rare cut stays before them.
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
    """Parts of a text for training, validation and, if the data set has a test split, testing."""

    train: tuple[Span, ...]
    val: tuple[Span, ...]
    test: tuple[Span, ...] = ()


def find_split(name_or_path: str) -> SplitText:
    """Return the splits of a file, of all files `*.txt` below a folder, or of a named data set.

    Raises:
        DataError: there is no text, or it is empty.
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
    """Split off the last 10 % of the bytes for validation, as nanoGPT's `prepare.py` does, never within a character.

    Raises:
        DataError: there are no bytes.
    """
    sizes = [file_size(path) for path in files]
    for path in files:
        refuse_binary(path)
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
    """Split a text whose last documents are the published validation and test splits, `held_out` of each."""
    raw, mark = path.read_bytes(), END_OF_TEXT.encode()
    starts = [0, *(found.end() for found in re.finditer(re.escape(mark), raw))]
    val, test = starts[-sum(held_out)], starts[-held_out[1]]
    return SplitText((Span(path, 0, val),), (Span(path, val, test),), (Span(path, test, len(raw)),))


def pieces(spans: Sequence[Span], read: Callable[[int], object] = lambda count: None) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces that can be encoded one by one, each with True if a document ends after it.

    New lines around an end of text are left out. Memory does not grow with the text. Encoded with GPT-2's pattern, or
    by characters, the pieces give the same ids as the whole document, except that a word, or white space, of more than
    `MOST` characters is cut. `read` is called with the number of bytes that were read.

    Raises:
        DataError: a file is not UTF-8, has been removed, or has become shorter.
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
    """Return the size in bytes.

    Raises:
        DataError: there is no such file.
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
                    raise DataError(f"{span.path} became shorter while it was read; do not change it, and start again")
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
    """Return the position of the last safe cut; 0 if there is none. A text that is too long is cut anywhere."""
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
    """Return `at`, moved forward to the next byte at which a character begins."""
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
