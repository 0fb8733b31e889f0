"""The measure of what a component's state may be: data from outside, small and flat, before anybody reads it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

LONGEST = 1_000_000
"""Characters of a state: fifty of the longest prompts."""
DEEPEST = 12
"""Levels of lists and dicts; what our pages send has four."""
MOST = 20_000
"""Values in a state; a page that keeps many texts sends some hundred."""
DIGITS = 25
"""Digits of a whole number; a browser writes at most 22."""


def read(text: str) -> Any:
    """Return the data of a state that has travelled as JSON.

    Raises:
        ValueError: it is no JSON that a browser writes, or is too long, too deep, or holds too many values.

    >>> read('{"map": {"kind": "up", "seq": 3}}')
    {'map': {'kind': 'up', 'seq': 3}}
    >>> read("[" * 20 + "]" * 20)
    Traceback (most recent call last):
    ValueError: a state has at most 12 levels; send what a page sends
    """
    if len(text) > LONGEST:
        raise ValueError(f"a state has at most {LONGEST:,} characters, got {len(text):,}; send what a page sends")
    try:
        found = json.loads(text, parse_constant=_no_number, parse_int=_whole)
    except RecursionError:
        raise ValueError("a state is nested far too deep; send what a page sends") from None
    check(found)
    return found


def check(value: object) -> None:
    """Refuse data that is too deep or too much, without recursion.

    Raises:
        ValueError: the sentence says which.
    """
    level: list[object] = [value]
    count = depth = 0
    while level:
        count += len(level)
        if count > MOST:
            raise ValueError(f"a state has at most {MOST:,} values; send what a page sends")
        if depth > DEEPEST:
            raise ValueError(f"a state has at most {DEEPEST} levels; send what a page sends")
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list | tuple):
                inner += each
        level, depth = inner, depth + 1


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits; send what a page sends")
    return int(digits)
