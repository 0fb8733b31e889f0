"""From a vocabulary and its merges to the id of each token's bytes. This file reads no files and merges no text.

Tokens are spelled as in GPT-2: each byte is a visible character, byte 0x20 (a space) is U+0120. Source: `encoder.py`.

GPT-2 repeats: of all neighbouring pairs that have a merge, join the pair with the earliest merge. tiktoken repeats: of
all neighbouring pairs that together are a token, join the pair whose token has the lowest id. Both give the same ids
for every text if (1) merging the bytes of each merged token gives that token whole, and (2) ids follow the order of
the merges that do so. This file checks both, so that a vocabulary that passes encodes exactly as with its merges.

Why (1) is enough: two neighbours in the middle of merging became what they are independently of the text around them,
so the same two would appear if their bytes stood alone. But bytes that stand alone reach their token through only one
last pair, the one of its merge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gptcore.tokenizer.bounded import shown

MOST_SPECIAL = 10_000
"""Largest number of special tokens, more than any vocabulary has; tiktoken's time grows with its square."""


def _byte_of_character() -> dict[str, int]:
    """Return GPT-2's table: visible Latin-1 characters are their own bytes; the other 68 bytes follow from U+0100."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


BYTE_OF_CHARACTER = _byte_of_character()


class Merge(NamedTuple):
    """A rule that joins the tokens `left` and `right`. `line` is its place in the file, for errors."""

    line: int
    left: str
    right: str


class Added(NamedTuple):
    """A token that was added to the vocabulary by hand. `special` is None if the file does not tell."""

    content: str
    number: int
    special: bool | None


@dataclass(frozen=True)
class Source:
    """Names of the vocabulary and the merges in their file, for errors."""

    vocab: str
    merges: str
    entry: str
    remedy: str

    def at(self, line: int) -> str:
        """Return the place of a merge: merges.txt, line 3,."""
        return f"{self.merges}, {self.entry} {line},"


def checked(
    vocab: object, merges: Iterable[Merge], added: Iterable[Added], source: Source
) -> tuple[dict[bytes, int], dict[str, int]]:
    """Return bytes -> id of the tokens of text, and name -> id of the special tokens, which no merge makes.

    Raises:
        ValueError: vocabulary and merges do not belong together, ids do not follow the merges, or an added token is
            not special, so that it would have to be found in text.
    """
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise ValueError(f"{source.vocab} must be an object of token to id, as GPT-2's is")
    made = _made(vocab, merges, source)
    tokens, outside = dict(vocab), set()
    for content, index, special in added:
        if tokens.setdefault(content, index) != index:
            raise ValueError(f"{shown(content)} has id {shown(tokens[content])} and as added token {index}; keep one")
        if special:
            outside.add(content)
        elif content in made or (content not in outside and not _written_as_special(content)):
            raise ValueError(
                f"the added token {shown(content)} is not special: it would be cut out of text before any merge, "
                "which is not supported; add it as a special token, or use a vocabulary without it"
            )
    special_ids = {token: index for token, index in tokens.items() if token not in made}
    if len(special_ids) > MOST_SPECIAL:
        raise ValueError(f"{len(special_ids)} tokens have no merge, at most {MOST_SPECIAL} may; {source.remedy}")
    for token in special_ids:
        if token not in outside and not _written_as_special(token):  # it must have lost its merge
            raise ValueError(
                f"{source.vocab} has {shown(token)}, which no {source.entry} of {source.merges} makes; {source.remedy}"
            )
        if re.search("[\ud800-\udfff]", token):
            raise ValueError(f"the token {shown(token)} holds half of a surrogate pair; {source.remedy}")
    return {bytes(BYTE_OF_CHARACTER[char] for char in token): vocab[token] for token in made}, special_ids


def _written_as_special(token: str) -> bool:
    return re.fullmatch(r"<.*>|\[.*\]", token) is not None


def _made(vocab: Mapping[str, int], merges: Iterable[Merge], source: Source) -> Iterable[str]:
    """Return the single bytes of `vocab` and the tokens that merges make of them.

    Several merges may make one token, because converted files list each way to cut it. At most one of them can happen.
    """
    # token -> number: negative for a single byte, the index of its merge for a merged token
    number = {char: -1 - i for i, char in enumerate(BYTE_OF_CHARACTER) if char in vocab}
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
            raise ValueError(f"{source.at(line)} merges {shown(left)} and {shown(right)} once more; keep one")
        seen.add((left, right))
        pair = number.get(left, rule), number.get(right, rule)  # `rule` itself means: no earlier merge makes this half
        halves.append(pair)
        if rule not in pair:
            rules[pair] = rule
        if rule in pair or not _meet(*pair, rules, halves):
            never.setdefault(token, merge)
            continue
        if vocab[token] < last:
            raise ValueError(
                f"{source.at(line)} makes {shown(token)} with id {shown(vocab[token])} after a token with id "
                f"{shown(last)}, but ids must follow the order of the merges; {source.remedy}"
            )
        last, number[token] = vocab[token], rule
    for token, (line, left, right) in never.items():
        if token not in number:
            raise ValueError(
                f"{source.at(line)} makes {shown(token)} of {shown(left)} and {shown(right)}, but after the merges "
                f"before it these two are never neighbours; {source.remedy}"
            )
    return number.keys()


def _meet(left: int, right: int, rules: Mapping[tuple[int, int], int], halves: list[tuple[int, int]]) -> bool:
    """Return True if merging the bytes of `left` and `right` gives just these two before their own rule joins them.

    The two are split again, the latest merge first, down to the two bytes where they touch. At each step no earlier
    merge may join the two parts that then touch. Of equal merges the left one comes first: hence the + 1.
    """
    before = rules[left, right]
    while left >= 0 or right >= 0:  # until both are single bytes
        if left > right:
            before, left = left, halves[left][1]
        else:
            before, right = right + 1, halves[right][0]
        if rules.get((left, right), before) < before:
            return False
    return True
