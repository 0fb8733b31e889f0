"""Reads a stranger's file whole, or refuses it by its size. This file knows sizes and JSON; it knows no vocabulary."""

from __future__ import annotations

import json
import os
from pathlib import Path

MOST_BYTES = 64 * 2**20
"""Many times GPT-2's 1.5 MB."""
MOST_VALUES = 2_000_000
"""Three for each of 650,000 tokens, at least: each value takes memory, however few bytes spell it."""
_AGAIN = "take it again from where it came"


def read_bytes(path: Path, most: int = MOST_BYTES, wanted: str = _AGAIN) -> bytes:
    """What the file holds. `wanted` is what the error says where there is no such file.

    Raises:
        ValueError: there is no such file, it cannot be read, or it holds more than `most` bytes.
    """
    try:
        if not path.is_file():  # and no pipe or device, which would never end
            raise ValueError(f"there is no {path.name} in {path.parent}; {wanted}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise ValueError(f"{path} has {size} bytes, and no such file has more than {most}; {_AGAIN}")
            return file.read(size)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def read_text(path: Path, wanted: str = _AGAIN) -> str:
    """The UTF-8 text of the file; any problem is a ValueError."""
    try:
        return read_bytes(path, wanted=wanted).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def read_json(path: Path, wanted: str = _AGAIN) -> object:
    """The JSON data of the file; any problem is a ValueError, also two values under one key."""
    text = read_text(path, wanted)
    if text.count(",") > MOST_VALUES:
        raise ValueError(f"{path} holds more than {MOST_VALUES} values, more than any vocabulary; {_AGAIN}")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON ({error}); {_AGAIN}") from None
    except RecursionError:
        raise ValueError(f"{path} is nested far deeper than any vocabulary; {_AGAIN}") from None
    except ValueError as error:  # of `_once` or `_whole`
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def shown(value: object) -> str:
    """A stranger's value for an error: short, and never walked, for it may be large and nested.

    >>> shown("a"), shown("a" * 100)[-8:], shown([[1, 2], [3]]), shown({"type": "Lowercase"}), shown(None), shown(1.5)
    ("'a'", "aaaa'...", 'a list', 'Lowercase', 'null', '1.5')
    """
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        return str(value["type"])[:80]
    if isinstance(value, str):
        return repr(value[:80]) + "..." * (len(value) > 80)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two values under one key: JSON's grammar allows it, and no two readers agree on which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(twice)} stands twice in one object; leave one")
    return found


def _whole(digits: str) -> int:
    """Python's own bound on digits can be off, and time grows with their square."""
    if len(digits) > 100:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)
