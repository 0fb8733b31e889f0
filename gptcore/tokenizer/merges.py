"""A vocabulary and its merges to the id of each token's bytes. This file knows no files, and does no merging itself.

Tokens are spelled as GPT-2 does: each byte a visible character, byte 0x20 (a space) U+0120. Source: `encoder.py`.

The merges say: of all neighbours that some merge joins, join those of the earliest merge. tiktoken says: of all
neighbours that together are a token, join those whose token has the lowest id. Both make the same of every text if
(1) each token that merges make comes out of its own bytes whole, and (2) ids follow the order of the merges that did
it. Both are checked here, so that what passes encodes exactly as with its merges. Why (1) is enough: two neighbours in
the midst of merging became what they are without regard to what surrounds them, so they would also stand there alone;
but their bytes alone pass through one pair only on the way to their token, the one whose merge makes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gptcore.tokenizer.bounded import shown

MOST_SPECIAL = 10_000
"""More than any vocabulary has; tiktoken's time grows with the square of their number."""


def _byte_of_character() -> dict[str, int]:
    """Visible Latin-1 characters stand for themselves; the other 68 bytes follow from U+0100, in order."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


BYTE_OF_CHARACTER = _byte_of_character()


class Merge(NamedTuple):
    """`left` and `right` become one token; `line` is where that stands, for errors."""

    line: int
    left: str
    right: str


class Added(NamedTuple):
    """A token that was added to the vocabulary by hand. `special` is None where the file does not say."""

    content: str
    number: int
    special: bool | None


@dataclass(frozen=True)
class Source:
    """What vocabulary and merges are called where they came from, for errors."""

    vocab: str
    merges: str
    entry: str
    remedy: str

    def at(self, line: int) -> str:
        """Where a merge stands: merges.txt, line 3,."""
        return f"{self.merges}, {self.entry} {line},"


def checked(
    vocab: object, merges: Iterable[Merge], added: Iterable[Added], source: Source
) -> tuple[dict[bytes, int], dict[str, int]]:
    """The ids of the tokens of text by their bytes, and of those outside of text (which no merge makes) by their name.

    Raises:
        ValueError: vocabulary and merges do not belong together, ids do not follow the merges, or an added token is
            meant to be found in text.
    """
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise ValueError(f"{source.vocab} must be an object of token to id, as GPT-2's is")
    made = _made(vocab, merges, source)
    tokens, outside = dict(vocab), set()
    for content, index, special in added:
        if tokens.setdefault(content, index) != index:
            raise ValueError(f"{shown(content)} has id {shown(tokens[content])} and as added token {index}; leave one")
        if special:
            outside.add(content)
        elif content in made or (content not in outside and not _written_as_special(content)):
            raise ValueError(
                f"the added token {shown(content)} is not special: it is cut out of text before anything merges, "
                "which cannot be done here; add it as a special token, or take a vocabulary without it"
            )
    special_ids = {token: index for token, index in tokens.items() if token not in made}
    if len(special_ids) > MOST_SPECIAL:
        raise ValueError(f"{len(special_ids)} tokens are made by no merge, more than {MOST_SPECIAL}; {source.remedy}")
    for token in special_ids:
        if token not in outside and not _written_as_special(token):  # any other lost its merge
            raise ValueError(
                f"{source.vocab} has {shown(token)}, which no {source.entry} of {source.merges} makes; {source.remedy}"
            )
        if re.search("[\ud800-\udfff]", token):
            raise ValueError(f"the token {shown(token)} holds half of a surrogate pair; {source.remedy}")
    return {bytes(BYTE_OF_CHARACTER[char] for char in token): vocab[token] for token in made}, special_ids


def _written_as_special(token: str) -> bool:
    return re.fullmatch(r"<.*>|\[.*\]", token) is not None


def _made(vocab: Mapping[str, int], merges: Iterable[Merge], source: Source) -> Iterable[str]:
    """The single bytes of `vocab`, and the tokens that merges make of them.

    Several merges may make one token: converted files list each way to cut it. One of them can happen, if any.
    """
    number = {char: -1 - i for i, char in enumerate(BYTE_OF_CHARACTER) if char in vocab}  # a merged one's: its merge's
    rules: dict[tuple[int, int], int] = {}
    halves: list[tuple[int, int]] = []
    seen: set[tuple[str, str]] = set()
    never: dict[str, Merge] = {}
    last = -1
    for rule, merge in enumerate(merges):
        line, left, right = merge
        token = left + right
        for part, does in ((token, "makes"), (left, "merges"), (right, "merges")):
            if part not in vocab:
                raise ValueError(
                    f"{source.at(line)} {does} {shown(part)}, which {source.vocab} does not have; {source.remedy}"
                )
        if (left, right) in seen:
            raise ValueError(f"{source.at(line)} merges {shown(left)} and {shown(right)} once more; leave one")
        seen.add((left, right))
        pair = number.get(left, rule), number.get(right, rule)  # this merge's own number: not made by any before it
        halves.append(pair)
        if rule not in pair:
            rules[pair] = rule
        if rule in pair or not _meet(*pair, rules, halves):
            never.setdefault(token, merge)
            continue
        if vocab[token] < last:
            raise ValueError(
                f"{source.at(line)} makes {shown(token)} with id {shown(vocab[token])} after a token with id "
                f"{shown(last)}, but ids follow the order of the merges; {source.remedy}"
            )
        last, number[token] = vocab[token], rule
    for token, (line, left, right) in never.items():
        if token not in number:
            raise ValueError(
                f"{source.at(line)} makes {shown(token)} of {shown(left)} and {shown(right)}, but the merges before it "
                f"never leave these two side by side; {source.remedy}"
            )
    return number.keys()


def _meet(left: int, right: int, rules: Mapping[tuple[int, int], int], halves: list[tuple[int, int]]) -> bool:
    """Whether merging the bytes of `left` and `right` leaves just these two before their own rule joins them.

    They are taken apart again, the latest merge first, down to the two bytes where they meet. At each step no earlier
    merge may join what then stood on both sides. Of equal merges the left one comes first: hence the 1.
    """
    before = rules[left, right]
    while left >= 0 or right >= 0:  # one is no single byte
        if left > right:
            before, left = left, halves[left][1]
        else:
            before, right = right + 1, halves[right][0]
        if rules.get((left, right), before) < before:
            return False
    return True
