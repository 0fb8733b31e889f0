r"""Text in which marks stand for tokens that no ordinary text encodes to, and back, so that any ids can be a text.

`\<|endoftext|>` is the special token of that name. `\<0xE282>` is the token with exactly these two bytes: where it is
only a part of a character, or where ordinary text would encode to other tokens. This file knows no vocabulary.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptcore.tokenizer.base import Tokenizer

MARK = "\\"
"""Written before the name of a special token, or before the bytes of a token in angle brackets."""
MOST_NAME = 256
"""Characters of a special token's name; one with a longer name has no mark, so that looking for names has an end."""
ROUNDS = 8
"""Times that a text is encoded to find where it needs marks; then all is marked that is still wrong."""
_BYTES = re.compile("<0x(?:[0-9A-Fa-f]{2})+>")


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text with marks. What looks like a mark but names no token is ordinary text.

    Raises:
        ValueError: as the tokenizer's `encode`.
    """
    if MARK not in text:
        return tokenizer.encode(text)
    return [index for ids, _ in _Marks(tokenizer).parts(text) for index in ids]


def decode(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """Return a text that `encode` gives these ids for, as far as there is one; with marks only where it needs them.

    Where ever more of a text needs them, all of that part has them: the work grows no faster than the text.
    """
    marks, groups = _Marks(tokenizer), list(_groups(tokenizer, ids))
    for turn in range(2 * ROUNDS):
        text = _text(marks, groups)
        wrong = list(_wrong(marks, text, groups))
        chosen = [group for stretch in wrong for group in _choice(marks, groups, stretch, whole=turn >= ROUNDS)]
        if not chosen:
            break
        for group in chosen:
            group.marked = True
    return _text(marks, groups)


class _Marks:
    """The marks of one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._named = {name: index for name, index in tokenizer.special_tokens.items() if len(name) <= MOST_NAME}
        self._lengths = sorted({len(name) for name in self._named}, reverse=True)
        self._names: dict[int, str] = {}
        for name, index in self._named.items():
            self._names.setdefault(index, name)

    def parts(self, text: str) -> Iterator[tuple[list[int], int]]:
        """Yield the ids of the text between marks, and of each mark, with the bytes that the mark takes; 0 for none."""
        start = at = 0
        while (mark := text.find(MARK, at)) >= 0:
            index, at = self._read(text, mark + 1)
            if index is not None:
                if start < mark:
                    yield self.tokenizer.encode(text[start:mark]), 0
                yield [index], len(text[mark:at].encode())
                start = at
        if start < len(text) or not text:
            yield self.tokenizer.encode(text[start:]), 0

    def _read(self, text: str, at: int) -> tuple[int | None, int]:
        """Return the token whose mark goes on here, None for none; and where to go on."""
        for length in self._lengths:
            index = self._named.get(text[at : at + length])
            if index is not None and at + length <= len(text):
                return index, at + length
        found = _BYTES.match(text, at)
        if found is None:
            return None, at
        return self.tokenizer.token_of(bytes.fromhex(found[0][3:-1])), found.end()

    def of(self, index: int) -> str | None:
        """Return the mark of a token; None where it can have none."""
        name = self._names.get(index)
        if name is not None:
            return MARK + name
        raw = self.tokenizer.bytes_of(index)
        if raw is None or self.tokenizer.token_of(raw) != index:
            return None
        return f"{MARK}<0x{raw.hex().upper()}>"

    def width(self, index: int) -> int:
        """Return the bytes that a token takes in a text without a mark."""
        return len(self.tokenizer._shown_bytes(index))


@dataclass
class _Group:
    """Neighbouring tokens whose bytes are whole characters, or one token whose bytes are not."""

    ids: list[int]
    marked: bool = False


def _groups(tokenizer: Tokenizer, ids: Sequence[int]) -> Iterator[_Group]:
    special = set(tokenizer.special_tokens.values())
    decoder = codecs.getincrementaldecoder("utf-8")()
    open_ids: list[int] = []  # tokens at whose end a character is not complete
    for index in ids:
        raw = tokenizer.bytes_of(index)
        if index in special or raw is None:
            yield from (_Group([each], True) for each in open_ids)
            yield _Group([index], index in special)
            open_ids = []
            decoder.reset()
            continue
        try:
            decoder.decode(raw)
        except UnicodeDecodeError:
            yield from (_Group([each], True) for each in open_ids)
            open_ids = []
            decoder.reset()
            try:
                decoder.decode(raw)
            except UnicodeDecodeError:
                decoder.reset()
                yield _Group([index], True)
                continue
        open_ids.append(index)
        if not decoder.getstate()[0]:
            yield _Group(open_ids)
            open_ids = []
    yield from (_Group([each], True) for each in open_ids)


def _text(marks: _Marks, groups: Sequence[_Group]) -> str:
    """Return the text of the groups; neighbours without a mark are decoded together."""
    found, waiting = list[str](), list[int]()
    for group in groups:
        if not group.marked:
            waiting += group.ids
            continue
        found.append(marks.tokenizer.decode(waiting) if waiting else "")
        found += [marks.of(index) or marks.tokenizer.decode([index]) for index in group.ids]
        waiting = []
    return "".join(found) + (marks.tokenizer.decode(waiting) if waiting else "")


def _choice(marks: _Marks, groups: Sequence[_Group], stretch: range, *, whole: bool) -> list[_Group]:
    """Return the groups of a wrong stretch that get a mark now."""
    free = [i for i in stretch if not groups[i].marked]
    if whole:
        return [groups[i] for i in free if _can_be(marks, groups[i])]
    at = stretch.start
    # Where it merges with the next token, a mark at that one keeps the text before as it is.
    order = (at,) if _is_other(marks, groups[at].ids) else (at + 1, at)
    choices = [i for i in order if i < len(groups) and not groups[i].marked and _can_be(marks, groups[i])]
    return [groups[i] for i in choices[:1]]


def _is_other(marks: _Marks, ids: list[int]) -> bool:
    """Tell if the text of some tokens gives others by itself."""
    text = marks.tokenizer.decode(ids)
    try:
        return [index for found, _ in marks.parts(text) for index in found] != ids
    except ValueError:
        return True


def _can_be(marks: _Marks, group: _Group) -> bool:
    return all(marks.of(index) is not None for index in group.ids)


def _wrong(marks: _Marks, text: str, groups: Sequence[_Group]) -> Iterator[range]:
    """Yield the groups between two places of the text at which its tokens agree with the groups, where they do not."""
    try:
        parts = list(marks.parts(text)) if text else []
    except ValueError:
        parts = []
    given = [(index, width or marks.width(index)) for ids, width in parts for index in ids]
    wanted = [
        (index, len((marks.of(index) or "").encode()) if group.marked else 0, i)
        for i, group in enumerate(groups)
        for index in group.ids
    ]
    there = here = at = 0  # the bytes before the next token of each, and the place among the given ones
    since: int | None = None
    for index, marked, i in wanted:
        while at < len(given) and there < here:  # of a wrong stretch
            there += given[at][1]
            at += 1
        if since is not None and there == here:
            yield range(since, i + (since == i))
            since = None
        width = marked or marks.width(index)
        if since is None and at < len(given) and given[at][0] == index:
            there, at = there + given[at][1], at + 1
        elif since is None:
            since = i
        here += width
    if since is not None:
        yield range(since, len(groups))
    elif at < len(given) and groups:
        yield range(len(groups) - 1, len(groups))
