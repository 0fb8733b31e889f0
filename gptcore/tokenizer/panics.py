"""Errors of libraries in Rust: a panic is a BaseException, which no caller expects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_value_error(what: str) -> Iterator[None]:
    """Turn an error of a library, or a panic, in the block into a ValueError that begins with `what`.

    >>> with as_value_error("the library cannot read it"):
    ...     raise RuntimeError("no header")
    Traceback (most recent call last):
    ValueError: the library cannot read it: no header
    """
    try:
        yield
    except ValueError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{what}: {first[:300]}") from error
        raise
