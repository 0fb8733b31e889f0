"""Tokens in words, for texts that no component draws: white space can be seen, and markup reads as itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

_SEEN: Final = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "": "∅"}


def visible(label: str) -> str:
    """Return a token's label with its white space made visible, as components/shared/text.js does.

    >>> visible(" wolf"), visible(" "), visible("a b")
    ('␣wolf', '␣', 'a b')
    """
    if label in _SEEN:
        return _SEEN[label]
    if label.startswith(" "):
        label = "␣" + label[1:]
    if label.endswith(" "):
        label = label[:-1] + "␣"
    for space in "\n\t\r":
        label = label.replace(space, _SEEN[space])
    return label


def repeated(labels: Sequence[str]) -> frozenset[str]:
    """Return the labels that are there more than once: such a label alone does not tell which token is meant.

    >>> sorted(repeated(["a", "b", "a", "c", "c"]))
    ['a', 'c']
    """
    return frozenset(label for label, count in Counter(labels).items() if count > 1)


def placed(labels: Sequence[str], position: int) -> str:
    """Return a token's label as `visible` does, with the position behind a label that is there more than once.

    >>> [placed([" to", "a", " to"], position) for position in range(3)]
    ['␣to 0', 'a', '␣to 2']
    """
    label = labels[position]
    return f"{visible(label)} {position}" if label in repeated(labels) else visible(label)
