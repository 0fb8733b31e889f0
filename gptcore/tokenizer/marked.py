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
_BYTES = "<0x(?:[0-9A-Fa-f]{2})+>"


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text with marks. What looks like a mark but names no token is ordinary text.

    Raises:
        ValueError: as the tokenizer's `encode`.
    """
    if MARK not in text:
        return tokenizer.encode(text)
    names = sorted(tokenizer.special_tokens, key=len, reverse=True)
    found: list[int] = []
    waiting = ""
    for i, part in enumerate(re.split(f"{re.escape(MARK)}({'|'.join([*map(re.escape, names), _BYTES])})", text)):
        index = _marked(tokenizer, part) if i % 2 else None  # text and marks by turns
        if index is None:
            waiting += MARK + part if i % 2 else part
        else:
            found += [*(tokenizer.encode(waiting) if waiting else []), index]
            waiting = ""
    return found + (tokenizer.encode(waiting) if waiting or not found else [])


def _marked(tokenizer: Tokenizer, part: str) -> int | None:
    if part in tokenizer.special_tokens:
        return tokenizer.special_tokens[part]
    return tokenizer.token_of(bytes.fromhex(part[3:-1]))


@dataclass
class _Group:
    """Neighbouring tokens whose bytes are whole characters, or one token whose bytes are not."""

    ids: list[int]
    marked: bool = False


def decode(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """Return a text that `encode` gives these ids for, as far as there is one; with marks only where it needs them."""
    groups = list(_groups(tokenizer, ids))
    starts = [0]
    for group in groups:
        starts.append(starts[-1] + len(group.ids))
    while True:
        text = _text(tokenizer, groups)
        wrong = _first_difference(tokenizer, text, ids)
        if wrong is None:
            return text
        at = next((i for i in range(len(groups)) if starts[i] <= wrong < starts[i + 1]), len(groups) - 1)
        own = _first_difference(tokenizer, tokenizer.decode(groups[at].ids), groups[at].ids) is not None
        # Where it merges with the next token, a mark at that one keeps the text before as it is.
        order = (at,) if own else (at + 1, at)
        choices = [i for i in order if i < len(groups) and not groups[i].marked and _can_be(tokenizer, groups[i])]
        if not choices:
            return text
        groups[choices[0]].marked = True


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


def _text(tokenizer: Tokenizer, groups: Sequence[_Group]) -> str:
    """Return the text of the groups; neighbours without a mark are decoded together."""
    found, waiting = "", list[int]()
    for group in groups:
        if not group.marked:
            waiting += group.ids
            continue
        found += tokenizer.decode(waiting) if waiting else ""
        found += "".join(_mark(tokenizer, index) for index in group.ids)
        waiting = []
    return found + (tokenizer.decode(waiting) if waiting else "")


def _mark(tokenizer: Tokenizer, index: int) -> str:
    """Return the mark of a token; its text where it can have none."""
    name = next((name for name, each in tokenizer.special_tokens.items() if each == index), None)
    if name is not None:
        return MARK + name
    raw = tokenizer.bytes_of(index)
    if raw is None or tokenizer.token_of(raw) != index:
        return tokenizer.decode([index])
    return f"{MARK}<0x{raw.hex().upper()}>"


def _can_be(tokenizer: Tokenizer, group: _Group) -> bool:
    return all(_mark(tokenizer, index).startswith(MARK) for index in group.ids)


def _first_difference(tokenizer: Tokenizer, text: str, ids: Sequence[int]) -> int | None:
    """Return the place of the first id that the text does not give; None if it gives them all."""
    try:
        given = encode(tokenizer, text) if text else []
    except ValueError:
        given = []
    if given == list(ids):
        return None
    pairs = zip(given, ids, strict=False)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(given), len(ids)))
