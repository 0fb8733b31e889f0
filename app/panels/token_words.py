"""Tokens in words, for texts that no component draws: white space can be seen, and markup reads as itself."""

from __future__ import annotations

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
