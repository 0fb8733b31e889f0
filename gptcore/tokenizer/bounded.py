"""Reading and telling of untrusted content up to a limit. This file knows sizes and JSON; it knows no vocabulary."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

MOST_BYTES = 64 * 2**20
"""Largest file, many times GPT-2's 1.5 MB."""
MOST_VALUES = 2_000_000
"""Largest number of JSON values, three for each of 650,000 tokens: even a value of few bytes takes memory."""
_AGAIN = "copy or download it again"
_LIMITS: ContextVar[tuple[int, int]] = ContextVar("bytes and values of a file", default=(MOST_BYTES, MOST_VALUES))


@contextmanager
def at_most(size: int, values: int) -> Iterator[None]:
    """Read smaller files alone in the block: of so many bytes and JSON values."""
    before = _LIMITS.set((size, values))
    try:
        yield
    finally:
        _LIMITS.reset(before)


def read_bytes(path: Path, most: int | None = None, wanted: str = _AGAIN) -> bytes:
    """Return the bytes of the file. `wanted` completes the error if there is no such file.

    Raises:
        ValueError: there is no such file, it cannot be read, or it holds more than `most` bytes; by default 64 MiB, or
            what `at_most` allows.
    """
    most = _LIMITS.get()[0] if most is None else most
    try:
        if not path.is_file():  # a pipe or a device would never end
            raise ValueError(f"there is no {path.name} in {path.parent}; {wanted}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise ValueError(f"{path} has {size} bytes, and such a file has at most {most}; {_AGAIN}")
            return file.read(size)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def read_text(path: Path, wanted: str = _AGAIN) -> str:
    """Return the UTF-8 text of the file; raise ValueError for any problem."""
    try:
        return read_bytes(path, wanted=wanted).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def read_json(path: Path, wanted: str = _AGAIN) -> object:
    """Return the JSON data of the file; raise ValueError for any problem, also for two values under one key."""
    text = read_text(path, wanted)
    values = _LIMITS.get()[1]
    if text.count(",") > values:
        raise ValueError(f"{path} holds more than {values} values, the most for a vocabulary here; {_AGAIN}")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON ({error}); {_AGAIN}") from None
    except RecursionError:
        raise ValueError(f"{path} is nested far deeper than any vocabulary; {_AGAIN}") from None
    except ValueError as error:  # from `_once` or `_whole`
        raise ValueError(f"{path} cannot be read ({error}); {_AGAIN}") from None


def shown(value: object) -> str:
    """Return an untrusted value for an error: short, and without walking it, because it may be large and nested.

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


def one_line(text: str, most: int) -> str:
    r"""Return an untrusted text as one printable line of about `most` characters: a longer one loses its middle.

    Characters that cannot be printed, or that reverse the text, become their code.

    >>> one_line("a\nb\u202ec", 80), one_line("a" * 30 + "b" * 30, 20)
    ('a\\nb\\u202ec', 'aaaaaaaaaa ... bbbbb')
    """
    tail = most // 4
    cut = text if len(text) <= most else f"{text[: most - tail - 5]} ... {text[-tail:]}"
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
    return line if len(line) <= most else f"{line[: most - tail - 5]} ... {line[-tail:]}"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a dict. Raise for two values under one key: JSON allows them, and readers differ in which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(twice)} is there twice in one object; keep one")
    return found


def _whole(digits: str) -> int:
    """Return the int. Raise above 100 digits: Python's own limit can be off, and time grows with their square."""
    if len(digits) > 100:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)
